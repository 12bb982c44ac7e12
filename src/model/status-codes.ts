/** Status codes of HTTP from the one to the other, both included. */
export interface StatusSpan {
  readonly min: number;
  readonly max: number;
}

/** Parts of one list: every code for itself would be 500, and nobody writes them so. */
const partsMax = 64;

/** What `readStatusCodes` understands, to stand behind a name in a sentence. */
export const statusCodesWanted =
  'must be status codes from 100 to 599, such as 200, 2xx, 200-299 or several: "2xx, 404"';

/**
 * Reads `204`, `2xx`, `200-299`, several of them between commas, or a list of all that.
 * @returns undefined where it is nothing of the kind
 */
export function readStatusCodes(given: unknown): readonly StatusSpan[] | undefined {
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
  const spans: StatusSpan[] = [];
  for (const text of texts) {
    if (typeof text !== 'string' && typeof text !== 'number') return undefined;
    for (const part of String(text).split(',', partsMax + 1)) {
      const span = spanOf(part.trim());
      if (span === undefined || spans.length >= partsMax) return undefined;
      spans.push(span);
    }
  }
  return spans.length > 0 ? spans : undefined;
}

function spanOf(part: string): StatusSpan | undefined {
  const [, digit] = /^([1-5])xx$/i.exec(part) ?? [];
  if (digit !== undefined) return { min: Number(digit) * 100, max: Number(digit) * 100 + 99 };
  const [, first, last = first] = /^([1-5]\d\d)(?: ?- ?([1-5]\d\d))?$/.exec(part) ?? [];
  const span = { min: Number(first), max: Number(last) };
  return span.min <= span.max ? span : undefined;
}

/** As `readStatusCodes` reads it: `200-299, 404`. */
export function statusCodesText(spans: readonly StatusSpan[]): string {
  return spans.map(({ min, max }) => (min === max ? `${min}` : `${min}-${max}`)).join(', ');
}
