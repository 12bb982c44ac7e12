const unitsMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
type Unit = keyof typeof unitsMs;
const unitNames: readonly Unit[] = ['d', 'h', 'm', 's', 'ms'];

/** Longest text that is read as a duration: all five units with room for decimals. */
const MAX_TEXT = 64;

/**
 * Milliseconds of `300ms`, `5s`, `1.5h`, `1h30m`, `7d`: units from large to small, each at most
 * once. Undefined for anything else, also for what is no whole number of milliseconds.
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > MAX_TEXT || !/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return undefined;
  let total = 0;
  let last = -1;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    const rank = unitNames.indexOf(unit as Unit);
    if (rank <= last) return undefined;
    last = rank;
    total += Number(number) * unitsMs[unit as Unit];
  }
  const rounded = Math.round(total);
  return Math.abs(total - rounded) < 1e-6 && Number.isSafeInteger(rounded) ? rounded : undefined;
}

/** The shortest exact text: `1h30m`, `7d`, `0s`; `parseDuration` gives the same number again. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const unit of unitNames) {
    const count = Math.floor(rest / unitsMs[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitsMs[unit];
  }
  return text === '' ? '0s' : text;
}

/** The unit with which a bare number comes nearest to what the key usually holds. */
export function likelyDuration(bare: number, usualMs: number): string | undefined {
  if (!Number.isFinite(bare) || bare <= 0) return undefined;
  const distance = (unit: Unit): number => Math.abs(Math.log((bare * unitsMs[unit]) / usualMs));
  const nearest = unitNames.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  const text = `${bare}${nearest}`;
  return parseDuration(text) === undefined ? undefined : text;
}

const otherNames: Readonly<Record<string, Unit>> = {
  milliseconds: 'ms',
  millisecond: 'ms',
  msec: 'ms',
  seconds: 's',
  second: 's',
  secs: 's',
  sec: 's',
  minutes: 'm',
  minute: 'm',
  mins: 'm',
  min: 'm',
  hours: 'h',
  hour: 'h',
  hrs: 'h',
  hr: 'h',
  days: 'd',
  day: 'd',
};

/** What a duration in other words was meant to be: `5 minutes` is `5m`, `2w` is `14d`. */
export function meantDuration(text: string): string | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const plain = text
    .toLowerCase()
    .replace(/[\s,]+/g, '')
    .replace(/(\d+)w(?:eeks?)?/g, (_, weeks: string) => `${Number(weeks) * 7}d`)
    .replace(/[a-z]+/g, (name) => (Object.hasOwn(otherNames, name) && otherNames[name]) || name);
  return plain !== text && parseDuration(plain) !== undefined ? plain : undefined;
}
