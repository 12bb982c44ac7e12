/** Terms of the tail that are added at most; each is smaller than the one before. */
const mostTerms = 10_000;

/**
 * P(N >= count) for a negative binomial count with this mean and shape: a Poisson count whose rate
 * is Gamma distributed (Greenwood and Yule 1920). 1 where `count` is not above the mean.
 */
export function upperTail(count: number, mean: number, shape: number): number {
  if (count <= mean || count <= 0) return 1;
  if (!(mean > 0) || !(shape > 0)) return 0;
  const odds = mean / (mean + shape);
  let term = Math.exp(
    logGamma(count + shape) -
      logGamma(shape) -
      logGamma(count + 1) +
      count * Math.log(odds) +
      shape * Math.log(1 - odds),
  );
  let sum = 0;
  for (let k = count; k < count + mostTerms && term > sum * 1e-9; k++) {
    sum += term;
    term *= ((k + shape) / (k + 1)) * odds;
  }
  return Math.min(sum, 1);
}

/** ln Γ(x) for x > 0: shifted above 7, then Stirling's series; error below 1e-10. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 7; z++) shift += Math.log(z);
  const inverse = 1 / z;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
