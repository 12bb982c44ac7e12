import type { ResourceSample } from '../model/resource.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type { Detector, Follower, Surroundings, Verdicts } from './detector.ts';
import { blocksMax, FloorLadder } from './floor-ladder.ts';
import { agreeing, type Life, type OpenLeak, type SavedLeak, savedLeak } from './leak-lives.ts';
import { tellLeak, tellLeakEnd } from './leak-telling.ts';
import { isLeak, type Trend, trendOf } from './leak-trend.ts';
import type { PatternSettings } from './settings.ts';

/** A trend needs this many blocks; with more of them a longer window is tried as well. */
const windowBlocks = 12;
const longWindowBlocks = 18;
/** Lives remembered: three that agree are enough. */
const livesMax = 4;
/** It has stopped growing where its slope is below this share of the slope that was told. */
const endShare = 0.25;
/** A window must hold so many teeth of a garbage collector that has been seen to give back. */
const teeth = 4;
/** A fall by this share of all that it had grown is a tooth, where that was worth a tenth. */
const fallShare = 0.5;
const toothMin = 0.1;
/** Without a sample for so long nothing can be said any more. */
const unseenUs: DurationUs = 86_400e6;
/** Shared by the many services that have had one life so far. */
const noLives: readonly Life[] = [];

/** Memory that grows and is never given back: the trend of the floor, over many windows at once. */
export function memoryLeak({ settings }: Surroundings): Detector {
  return {
    pattern: 'memory_leak',
    listensTo: ['sample'],
    follow: (_service, data) => {
      if (data === undefined) return new MemoryLeak(settings);
      const saved = savedLeak(data, livesMax);
      const ladder = new FloorLadder();
      if (saved === undefined || !ladder.restore(saved.ladder)) return undefined;
      return new MemoryLeak(settings, saved, ladder);
    },
  };
}

class MemoryLeak implements Follower {
  readonly #settings: PatternSettings;
  readonly #ladder: FloorLadder;
  #invocation = '';
  #lifeUs: RealtimeUs = 0;
  #lastUs: RealtimeUs = 0;
  #lastBytes = 0;
  #limitBytes = 0;
  #source = '';
  #diedBadly = false;
  #lowBytes = 0;
  #highBytes = 0;
  #fallUs: RealtimeUs = 0;
  #lives: readonly Life[];
  #open: OpenLeak | undefined;

  constructor(settings: PatternSettings, saved?: SavedLeak, ladder = new FloorLadder()) {
    this.#settings = settings;
    this.#ladder = ladder;
    this.#lives = saved?.lives ?? noLives;
    if (saved === undefined) return;
    this.#invocation = saved.invocation;
    this.#lifeUs = saved.lifeUs;
    this.#lastUs = saved.lastUs;
    this.#lastBytes = saved.lastBytes;
    this.#limitBytes = saved.limitBytes;
    this.#source = saved.source;
    this.#diedBadly = saved.diedBadly;
    this.#lowBytes = saved.lowBytes;
    this.#highBytes = saved.highBytes;
    this.#fallUs = saved.fallUs;
    this.#ladder.toothUs = saved.toothUs;
    this.#open = saved.open;
  }

  get deadlineUs(): RealtimeUs {
    return this.#open === undefined ? Number.POSITIVE_INFINITY : this.#lastUs + unseenUs;
  }

  save(): SavedLeak {
    return {
      invocation: this.#invocation,
      lifeUs: this.#lifeUs,
      lastUs: this.#lastUs,
      lastBytes: this.#lastBytes,
      limitBytes: this.#limitBytes,
      source: this.#source,
      diedBadly: this.#diedBadly,
      lowBytes: this.#lowBytes,
      highBytes: this.#highBytes,
      fallUs: this.#fallUs,
      toothUs: this.#ladder.toothUs,
      lives: this.#lives,
      open: this.#open,
      ladder: this.#ladder.save(),
    };
  }

  transition(t: Transition): Verdicts {
    const reason = t.ending?.reason;
    if (t.kind === 'exited' || t.kind === 'failed') {
      this.#diedBadly = reason !== undefined && reason !== 'clean';
    }
    if (t.kind === 'stopped' || t.kind === 'failed') return this.#clear('stopped');
    return undefined;
  }

  tick(nowUs: RealtimeUs): Verdicts {
    return nowUs >= this.deadlineUs ? this.#clear('unseen') : undefined;
  }

  sample(sample: ResourceSample, timeUs: RealtimeUs): Verdicts {
    const bytes = sample.anonBytes;
    if (!(bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER)) return undefined;
    let verdicts: Verdicts;
    if (this.#lifeUs === 0 || sample.invocation !== this.#invocation) {
      verdicts = this.#newLife(sample, timeUs);
    }
    const limit = sample.limitBytes ?? 0;
    this.#limitBytes = limit > 0 && limit <= Number.MAX_SAFE_INTEGER ? limit : 0;
    this.#source = sample.source;
    this.#lastUs = timeUs;
    this.#lastBytes = bytes;
    if (timeUs - this.#lifeUs >= this.#settings.warmUpUs) this.#watchTeeth(timeUs, bytes);
    this.#ladder.add(timeUs, bytes, (step) => {
      verdicts = this.#judge(step, verdicts);
    });
    return verdicts;
  }

  /** A collector's teeth: how long it takes from one fall to the next. */
  #watchTeeth(timeUs: RealtimeUs, bytes: number): void {
    if (this.#fallUs === 0) this.#fallUs = timeUs;
    if (this.#highBytes === 0) this.#lowBytes = bytes;
    this.#highBytes = Math.max(this.#highBytes, bytes);
    this.#lowBytes = Math.min(this.#lowBytes, bytes);
    const range = this.#highBytes - this.#lowBytes;
    const fell = this.#highBytes - bytes;
    if (fell < fallShare * range || fell < toothMin * this.#highBytes) return;
    this.#ladder.toothUs = Math.max(this.#ladder.toothUs, timeUs - this.#fallUs);
    this.#fallUs = timeUs;
    this.#highBytes = bytes;
  }

  #newLife(sample: ResourceSample, timeUs: RealtimeUs): Verdicts {
    const verdicts = this.#lifeUs > 0 ? this.#endLife(sample.anonBytes) : undefined;
    this.#ladder.clear();
    this.#invocation = sample.invocation.slice(0, 64);
    this.#lifeUs = timeUs;
    this.#diedBadly = false;
    this.#highBytes = 0;
    this.#fallUs = 0;
    return verdicts;
  }

  /** What a life looked like is kept; three that grew alike and died of it are a leak. */
  #endLife(bytesNow: number): Verdicts {
    const trend = this.#wholeTrend();
    if (trend === undefined || trend.growthBytes <= 0) return undefined;
    const nearLimit = this.#limitBytes > 0 && this.#lastBytes > 0.7 * this.#limitBytes;
    const life: Life = {
      bytesPerHour: trend.bytesPerHour,
      relativeGrowth: trend.relativeGrowth,
      tau: Math.max(0, trend.tau),
      ofMemory: this.#diedBadly && nearLimit,
    };
    const alike = agreeing(this.#lives, life.bytesPerHour).filter((other) => other.ofMemory);
    this.#lives = [...this.#lives, life].slice(-livesMax);
    const isLethal = life.ofMemory && life.relativeGrowth > 0.5 && life.tau > 0.8;
    const lives = alike.length + 1;
    return isLethal && lives >= 3 ? this.#holds(trend, 0, lives, bytesNow) : undefined;
  }

  #wholeTrend(): Trend | undefined {
    for (let step = 0; step < this.#ladder.steps; step++) {
      const n = this.#ladder.count(step);
      if (n < 6) return undefined;
      if (n < blocksMax || step === this.#ladder.steps - 1 || this.#ladder.count(step + 1) < 8) {
        return trendOf(this.#ladder.floors(step, n), this.#ladder.blockUs(step));
      }
    }
    return undefined;
  }

  /** Looks at the windows that end with a step's newest block. */
  #judge(step: number, before: Verdicts): Verdicts {
    const ladder = this.#ladder;
    const blockUs = ladder.blockUs(step);
    // Windows begin after the warm-up; only whole lives are looked at with it.
    const warmUs = this.#lastUs - this.#lifeUs - this.#settings.warmUpUs;
    const n = Math.min(ladder.count(step), Math.floor(warmUs / blockUs));
    if (n < windowBlocks) return before;
    const floors = ladder.floors(step, blocksMax);
    if (this.#open !== undefined && step === this.#open.step) {
      const trend = trendOf(floors.slice(-windowBlocks), blockUs);
      if (trend !== undefined && trend.bytesPerHour < endShare * this.#open.bytesPerHour) {
        return this.#clear('flat');
      }
    }
    for (const blocks of n >= longWindowBlocks ? [windowBlocks, n] : [windowBlocks]) {
      const trend = this.#leakIn(floors.slice(-blocks), blockUs);
      if (trend === undefined) continue;
      const lives = 1 + agreeing(this.#lives, trend.bytesPerHour).length;
      return this.#holds(trend, step, lives, this.#lastBytes);
    }
    return before;
  }

  #leakIn(floors: readonly number[], blockUs: DurationUs): Trend | undefined {
    const windowUs = floors.length * blockUs;
    if (windowUs < Math.max(this.#settings.leakSpanUs, teeth * this.#ladder.toothUs))
      return undefined;
    const first = floors[0] as number;
    const last = floors.at(-1) as number;
    // Nearly all windows of healthy services end here, before anything is sorted.
    if (first >= 0 && last >= 0 && last < 1.03 * first) return undefined;
    const trend = trendOf(floors, blockUs);
    if (trend === undefined) return undefined;
    const ease = 1 + agreeing(this.#lives, trend.bytesPerHour).length;
    return isLeak(trend, ease) ? trend : undefined;
  }

  #holds(trend: Trend, step: number, lives: number, bytes: number): Verdicts {
    // What ends a finding is judged over the length of time that it was opened on.
    this.#open ??= { step, bytesPerHour: trend.bytesPerHour };
    const told = { trend, lives, bytes, limitBytes: this.#limitBytes, source: this.#source };
    const rank = lives > 1 ? 2 : 1;
    return [{ holds: true, rank, level: bytes, tell: () => tellLeak(told) }];
  }

  #clear(how: 'flat' | 'stopped' | 'unseen'): Verdicts {
    if (this.#open === undefined) return undefined;
    const telling = tellLeakEnd(how, this.#lastBytes);
    this.#open = undefined;
    return [{ holds: false, rank: 0, level: 0, tell: () => telling }];
  }
}
