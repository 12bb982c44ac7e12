import type { Event } from '../../model/event.ts';
import type { ResourceSample } from '../../model/resource.ts';
import type {
  HistoryEntry,
  HistoryState,
  LeakSlope,
  MemoryPoint,
  ServiceHistory,
} from '../../model/status.ts';
import { type RealtimeUs, realtimeUs } from '../../model/time.ts';
import { wordsOf } from '../words.ts';
import { MemoryTrace } from './memory-trace.ts';

export interface HistoryLimits {
  /** Entries of one name: a crash loop's last half hour, and what a page can show. */
  readonly perName: number;
  /** Entries of all names together: some 170 bytes each. */
  readonly inAll: number;
  /** Names with a memory trace: 0.9 KB each when it is full. Those that come first have one. */
  readonly traces: number;
}

const defaultLimits: HistoryLimits = { perName: 200, inAll: 20_000, traces: 5_000 };

/** The longest text kept of an event: a finding's sentence has 200 characters. */
const wordsMax = 400;

interface Kept {
  entries: HistoryEntry[];
  forgotten: number;
}

/**
 * What happened to each unit and each check, for the status page. Names of which nothing was told
 * cost nothing. Where all together are too many, the longest histories are shortened first; where
 * each has only one entry, the names that changed least recently are forgotten.
 */
export class History {
  readonly #limits: HistoryLimits;
  /** The least recently changed first: an entry puts its name at the end. */
  readonly #kept = new Map<string, Kept>();
  readonly #traces = new Map<string, MemoryTrace>();
  readonly #slopes = new Map<string, LeakSlope>();
  #entries = 0;

  constructor(limits: Partial<HistoryLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Entries kept of all names. */
  get size(): number {
    return this.#entries;
  }

  event(event: Event): void {
    if (event.event_type === 'agent') return;
    if (event.event_type === 'memory_leak') this.#leak(event);
    const kept = this.#kept.get(event.service) ?? { entries: [], forgotten: 0 };
    this.#kept.delete(event.service);
    this.#kept.set(event.service, kept);
    kept.entries.push(entryOf(event));
    this.#entries += 1;
    if (kept.entries.length > this.#limits.perName) this.#shorten(kept, this.#limits.perName);
    if (this.#entries > this.#limits.inAll) this.#makeRoom();
  }

  sample(sample: ResourceSample): void {
    let trace = this.#traces.get(sample.service);
    if (trace === undefined) {
      if (this.#traces.size >= this.#limits.traces) return;
      trace = new MemoryTrace();
      this.#traces.set(sample.service, trace);
    }
    trace.add(sample.timeUs, sample.anonBytes, sample.limitBytes);
  }

  /** The unit is unloaded: its memory is history that nobody will look at; what it did stays. */
  gone(name: string): void {
    this.#traces.delete(name);
    this.#slopes.delete(name);
  }

  /** The last figure of its memory. */
  memoryBytes(name: string): number | undefined {
    return this.#traces.get(name)?.last;
  }

  of(name: string): ServiceHistory {
    const kept = this.#kept.get(name);
    const trace = this.#traces.get(name);
    const slope = this.#slopes.get(name);
    const memory: readonly MemoryPoint[] = trace?.points() ?? [];
    return {
      entries: kept === undefined ? [] : [...kept.entries],
      forgotten: kept?.forgotten ?? 0,
      memory,
      ...(trace?.limitBytes !== undefined && { limitBytes: trace.limitBytes }),
      ...(slope !== undefined && { slope }),
    };
  }

  #leak({ service, data }: Event & { readonly event_type: 'memory_leak' }): void {
    const { bytes_per_hour: bytesPerHour, observed_s: observedS } = data.evidence;
    if (data.phase === 'cleared') this.#slopes.delete(service);
    else if (typeof bytesPerHour === 'number' && typeof observedS === 'number') {
      this.#slopes.set(service, { bytesPerHour, observedUs: observedS * 1e6 });
    }
  }

  #shorten(kept: Kept, length: number): void {
    const over = kept.entries.length - length;
    if (over <= 0) return;
    // A copy: an array that is only shifted keeps the room it once had.
    kept.entries = kept.entries.slice(over);
    kept.forgotten += over;
    this.#entries -= over;
  }

  /** Down to nine tenths, so that it is worth its walk over all names. */
  #makeRoom(): void {
    const target = Math.floor(this.#limits.inAll * 0.9);
    const each = longestThatFits([...this.#kept.values()], target);
    for (const [name, kept] of this.#kept) {
      if (each > 0) this.#shorten(kept, each);
      else if (this.#entries > target) {
        this.#entries -= kept.entries.length;
        this.#kept.delete(name);
      }
    }
  }
}

/** How many entries each name may keep so that all together are at most `target`; 0 for not one. */
function longestThatFits(all: readonly Kept[], target: number): number {
  const lengths = all.map(({ entries }) => entries.length).sort((a, b) => a - b);
  let left = target;
  for (const [i, length] of lengths.entries()) {
    const share = Math.floor(left / (lengths.length - i));
    if (length > share) return share;
    left -= length;
  }
  return lengths.at(-1) ?? 0;
}

function entryOf(event: Event): HistoryEntry {
  const state = stateAfter(event);
  return {
    timeUs: realtimeUs(event.time),
    type: event.event_type,
    severity: event.severity,
    words: bounded(wordsOf(event)),
    ...(state !== undefined && { state }),
  };
}

/** A piece of a long text would keep the whole of it in memory: it is copied. */
function bounded(words: string): string {
  if (words.length <= wordsMax) return words;
  return `${Buffer.from(words.slice(0, wordsMax)).toString()}…`;
}

function stateAfter(event: Event): HistoryState | undefined {
  switch (event.event_type) {
    case 'started':
    case 'restarted':
      return 'up';
    case 'exited':
    case 'restarting':
      return 'waiting';
    case 'stopped':
      return 'down';
    case 'failed':
      return 'failed';
    case 'missing':
      return 'missing';
    case 'check':
      return checkStates[event.data.state];
    default:
      return undefined;
  }
}

/** What a check says. An endpoint that is down is no inactive unit. */
const checkStates = {
  running: 'running',
  up: 'up',
  degraded: 'degraded',
  too_many: 'too_many',
  missing: 'missing',
  down: 'unreachable',
  unknown: undefined,
} as const satisfies Readonly<Record<string, HistoryState | undefined>>;

/** Since when an entry's state held, for drawing. */
export interface Span {
  readonly fromUs: RealtimeUs;
  readonly toUs: RealtimeUs;
  readonly state: HistoryState;
}

/** The times between changes of state. What was before the first change is not known. */
export function spansOf(entries: readonly HistoryEntry[], nowUs: RealtimeUs): readonly Span[] {
  const changes = entries.filter((entry) => entry.state !== undefined);
  const spans: Span[] = [];
  for (const [i, { timeUs, state }] of changes.entries()) {
    const toUs = Math.max(timeUs, changes[i + 1]?.timeUs ?? nowUs);
    const last = spans.at(-1);
    if (state === undefined) continue;
    if (last?.state === state) spans[spans.length - 1] = { ...last, toUs };
    else spans.push({ fromUs: timeUs, toUs, state });
  }
  return spans;
}
