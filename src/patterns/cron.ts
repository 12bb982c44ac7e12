import type { LocalTime } from '../model/local-time.ts';
import type { TimerElapse } from '../model/resource.ts';
import type { RealtimeUs } from '../model/time.ts';

/** Entries of all tables together; a Debian host has 5 to 30. */
export const cronEntriesMax = 128;
/** A longer line is no schedule. */
const lineMax = 4096;

/** When one line of a cron table is due, crontab(5). */
export interface CronEntry {
  /** `/etc/cron.d/backup:7`: the table and the line, not the command, which may hold a secret. */
  readonly name: string;
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Both days are restricted: either of them is enough. */
  readonly eitherDay: boolean;
}

const monthNames = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const dayNames = 'sun mon tue wed thu fri sat'.split(' ');

/** The names that stand for five fields; `@reboot` is no time. */
const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * The schedules of a system table (/etc/crontab, /etc/cron.d). Lines that are none, or that cannot
 * be understood, are left out; so are those after a `CRON_TZ`, which go by another clock.
 */
export function cronEntries(path: string, text: string): CronEntry[] {
  const entries: CronEntry[] = [];
  for (const [i, whole] of text.split('\n').entries()) {
    const line = whole.trim();
    if (/^CRON_TZ\s*=/.test(line)) break;
    if (line === '' || line.startsWith('#') || line.length > lineMax) continue;
    const entry = entryOf(`${path}:${i + 1}`, line);
    if (entry !== undefined) entries.push(entry);
    if (entries.length === cronEntriesMax) break;
  }
  return entries;
}

function entryOf(name: string, line: string): CronEntry | undefined {
  const [first = ''] = line.split(/\s+/, 1);
  const macro = macros[first.toLowerCase()];
  const fields = (macro ?? line).split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const days = valuesOf(day, 1, 31);
  const months = valuesOf(month, 1, 12, monthNames);
  const given = valuesOf(weekday, 0, 7, dayNames);
  // A user and a command have to follow: what has fewer words is a setting.
  const words = line.split(/\s+/).length - (macro === undefined ? 5 : 1);
  if (!minutes || !hours || !days || !months || !given || words < 2) return undefined;
  const weekdays = new Set([...given].map((one) => one % 7));
  const eitherDay = !day.startsWith('*') && !weekday.startsWith('*');
  return { name, minutes, hours, days, months, weekdays, eitherDay };
}

/** Lists, ranges and steps, as in `1-5,10` and `0-59/15`; undefined where it is none of them. */
function valuesOf(
  field: string,
  least: number,
  most: number,
  names: readonly string[] = [],
): Set<number> | undefined {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [, from = '', to, step] =
      /^(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:\/(\d{1,2}))?$/i.exec(part) ?? [];
    const isAll = from === '*';
    const first = isAll ? least : numberOf(from, names);
    // A single value with a step goes on to the end.
    const last =
      isAll || (to === undefined && step !== undefined) ? most : numberOf(to ?? from, names);
    const by = Number(step ?? 1);
    if (!(first >= least && last <= most && first <= last && by >= 1)) return undefined;
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return values;
}

function numberOf(word: string, names: readonly string[]): number {
  const named = names.indexOf(word.toLowerCase());
  if (named >= 0) return named + (names === monthNames ? 1 : 0);
  return word === '' ? Number.NaN : Number(word);
}

/** Whether an entry is due in the minute of `time`. */
function isDue(entry: CronEntry, time: LocalTime): boolean {
  const minuteOfDay = Math.floor(time.hour * 60 + 1e-6);
  if (!entry.minutes.has(minuteOfDay % 60)) return false;
  if (!entry.hours.has(Math.floor(minuteOfDay / 60))) return false;
  const date = new Date(time.day * 86_400_000);
  if (!entry.months.has(date.getUTCMonth() + 1)) return false;
  const day = entry.days.has(date.getUTCDate());
  const weekday = entry.weekdays.has(time.weekday);
  return entry.eitherDay ? day || weekday : day && weekday;
}

const minuteUs = 60e6;
/** Minutes that are made up for after a pause; of what was due earlier nobody knows. */
const minutesBack = 5;

/** Says which entries have come due, minute by minute. cron starts a job in the first second of one. */
export class CronClock {
  readonly #local: (timeUs: RealtimeUs) => LocalTime;
  #entries: readonly CronEntry[] = [];
  #minute = 0;

  constructor(local: (timeUs: RealtimeUs) => LocalTime) {
    this.#local = local;
  }

  /** Goes by these from now on. */
  use(entries: readonly CronEntry[]): void {
    this.#entries = entries.slice(0, cronEntriesMax);
  }

  /** What has come due since the last call; nearly always nothing, at the price of a comparison. */
  advance(nowUs: RealtimeUs): readonly TimerElapse[] {
    const minute = Math.floor(nowUs / minuteUs);
    if (minute <= this.#minute && minute > this.#minute - minutesBack) return none;
    const isNext = minute > this.#minute && this.#minute > 0;
    const from = isNext ? Math.max(this.#minute + 1, minute - minutesBack + 1) : minute;
    this.#minute = minute;
    const due: TimerElapse[] = [];
    for (let each = from; each <= minute; each++) {
      const timeUs = each * minuteUs;
      const time = this.#local(timeUs);
      for (const entry of this.#entries) {
        if (isDue(entry, time)) due.push({ timer: entry.name, unit: '', timeUs });
      }
    }
    return due;
  }
}

const none: readonly TimerElapse[] = [];
