import type { TimerElapse } from '../model/resource.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { isObject, isTimes } from './saved.ts';

/** Timers remembered; a host has 10 to 60, cron included. */
const timersMax = 256;
/** Elapses of one timer remembered: what is asked for is the one just before a crash. */
const recentMax = 4;

/** When one timer fired, and how often: what a coincidence is measured against. */
export interface TimerRecord {
  readonly timer: string;
  readonly unit: string;
  /** The last few, ascending. */
  readonly recentUs: number[];
  readonly firstUs: RealtimeUs;
  readonly count: number;
}

/** The timers that fired lately, the same for all services. The longest silent one is forgotten. */
export class TimerLog {
  readonly #records = new Map<string, { -readonly [K in keyof TimerRecord]: TimerRecord[K] }>();

  get size(): number {
    return this.#records.size;
  }

  add(elapse: TimerElapse): void {
    const { timer, unit, timeUs } = elapse;
    const known = this.#records.get(timer);
    this.#records.delete(timer);
    const record = known ?? { timer, unit, recentUs: [], firstUs: timeUs, count: 0 };
    const last = record.recentUs.at(-1);
    this.#records.set(timer, record);
    if (last !== undefined && timeUs <= last) return;
    record.recentUs.push(timeUs);
    if (record.recentUs.length > recentMax) record.recentUs.shift();
    record.count += 1;
    if (this.#records.size > timersMax) this.#forgetOldest();
  }

  /** Timers that fired at most `withinUs` before `timeUs`, each with its last elapse before it. */
  before(timeUs: RealtimeUs, withinUs: DurationUs): { record: TimerRecord; lagUs: DurationUs }[] {
    const found: { record: TimerRecord; lagUs: DurationUs }[] = [];
    for (const record of this.#records.values()) {
      const elapsed = record.recentUs.findLast((at) => at <= timeUs);
      if (elapsed !== undefined && timeUs - elapsed <= withinUs) {
        found.push({ record, lagUs: timeUs - elapsed });
      }
    }
    return found;
  }

  find(timer: string): TimerRecord | undefined {
    return this.#records.get(timer);
  }

  save(): unknown {
    return [...this.#records.values()];
  }

  /** Takes what it can of what `save` gave. */
  restore(data: unknown): void {
    if (!Array.isArray(data)) return;
    for (const record of data.slice(-timersMax)) if (isTimer(record)) this.#adopt(record);
  }

  #adopt(record: TimerRecord): void {
    const { timer, unit, recentUs, firstUs, count } = record;
    const heardOf = this.#records.get(timer)?.recentUs ?? [];
    this.#records.set(timer, { timer, unit, recentUs: [...recentUs], firstUs, count });
    for (const timeUs of heardOf) this.add({ timer, unit, timeUs });
  }

  #forgetOldest(): void {
    const oldest = this.#records.keys().next();
    if (oldest.done !== true) this.#records.delete(oldest.value);
  }
}

function isTimer(data: unknown): data is TimerRecord {
  return (
    isObject(data) &&
    typeof data['timer'] === 'string' &&
    typeof data['unit'] === 'string' &&
    isTimes(data['recentUs'], recentMax) &&
    Number.isFinite(data['firstUs']) &&
    Number.isFinite(data['count'])
  );
}
