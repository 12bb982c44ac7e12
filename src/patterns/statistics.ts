import { median as medianOf } from 'simple-statistics';

/** The middle value; the mean of the two in the middle of an even number; NaN of nothing. */
export function median(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : medianOf([...values]);
}

/** A robust line: the median of the slopes between all pairs (Theil 1950, Sen 1968). */
export function theilSenSlope(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const slopes: number[] = [];
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      const run = (x[j] as number) - (x[i] as number);
      if (run > 0) slopes.push(((y[j] as number) - (y[i] as number)) / run);
    }
  }
  return slopes.length === 0 ? 0 : median(slopes);
}

/** Kendall's tau against the order itself: 1 where every later value is larger, -1 the reverse. */
export function risingTau(values: ArrayLike<number>): number {
  let score = 0;
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) {
      score += Math.sign((values[j] as number) - (values[i] as number));
    }
  }
  const pairs = (values.length * (values.length - 1)) / 2;
  return pairs === 0 ? 0 : score / pairs;
}

/**
 * Mann-Kendall: the chance of a tau at least this high where there is no trend, by the normal
 * approximation with continuity correction (Mann 1945, Kendall 1975).
 */
export function trendChance(tau: number, n: number): number {
  const score = (tau * n * (n - 1)) / 2;
  if (score <= 0) return 1;
  return normalTail((score - 1) / Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18));
}

/** P(Z > z) of a standard normal; Abramowitz and Stegun 26.2.17, error below 1e-7. */
function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}

/** P(X >= hits) of a binomial with `n` trials: how often chance alone does as well. */
export function binomialTail(n: number, hits: number, chance: number): number {
  if (hits <= 0 || chance >= 1) return 1;
  if (chance <= 0 || hits > n) return 0;
  const odds = chance / (1 - chance);
  let term = (1 - chance) ** n;
  let tail = 0;
  for (let k = 0; k <= n; k++) {
    if (k >= hits) tail += term;
    term *= ((n - k) / (k + 1)) * odds;
  }
  return Math.min(1, tail);
}
