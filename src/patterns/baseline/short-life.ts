/** Shares of the lives remembered that are looked at: the lower quarter, the lowest tenth, the shortest. */
export const lowShares = [0.25, 0.1, 0] as const;

/**
 * The chance that a life is as short as this one, where lifetimes are Weibull distributed (memoryless
 * ones are; so are those of what wears out): below the median the chance falls with a power of the
 * lifetime. The power is read off the lives seen, at the quantile that gives the smallest, and taken two
 * standard errors (of some 0.8 of it over the root of their number) smaller.
 * @param logarithm of the lifetime, to base 2, as all others
 * @param median of the lives seen
 * @param low quantiles of them, at `lowShares`
 */
export function shortLifeChance(
  logarithm: number,
  median: number,
  low: readonly number[],
  lives: number,
): number {
  if (logarithm >= median) return 1;
  const powers = lowShares.map((share, i) => {
    const distance = median - (low[i] as number);
    const seen = Math.max(share, 1 / (lives + 1));
    return distance > 0 ? Math.log2(0.5 / seen) / distance : Number.POSITIVE_INFINITY;
  });
  const power = Math.min(...powers) * Math.max(0, 1 - 1.6 / Math.sqrt(lives));
  return 0.5 * 2 ** (-power * (median - logarithm));
}
