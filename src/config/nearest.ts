/** Names longer than this are not compared: no key is. */
const MAX_NAME = 80;

/**
 * The candidate that a mistyped name was most likely meant to be: the fewest insertions, deletions,
 * replacements and swaps of neighbours, at most a third of the name; else the only one that
 * contains the name as whole words (`whitelist`, `service_whitelist`).
 */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  if (name === '' || name.length > MAX_NAME) return undefined;
  const wanted = simplified(name);
  let best: string | undefined;
  let bestEdits = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(wanted, simplified(candidate), bestEdits);
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best ?? onlyOneWithWords(wanted, candidates);
}

function simplified(name: string): string {
  return name.toLowerCase().replace(/[-\s]/g, '_');
}

function onlyOneWithWords(name: string, candidates: readonly string[]): string | undefined {
  if (name.length < 3) return undefined;
  const having = candidates.filter((candidate) =>
    `_${simplified(candidate).replaceAll('.', '_')}_`.includes(`_${name}_`),
  );
  return having.length === 1 ? having[0] : undefined;
}

/** Optimal string alignment distance; gives up with `limit` where it cannot be below it. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(cheapest(a, b, i, j, at(row, j - 1), last, beforeLast));
    }
    beforeLast = last;
    last = row;
  }
  return Math.min(at(last, b.length), limit);
}

function cheapest(
  a: string,
  b: string,
  i: number,
  j: number,
  left: number,
  last: readonly number[],
  beforeLast: readonly number[],
): number {
  const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
  const least = Math.min(left + 1, at(last, j) + 1, replaced);
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  return swapped ? Math.min(least, at(beforeLast, j - 2) + 1) : least;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
