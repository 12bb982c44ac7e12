import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import type { ResourceSample } from '../anomaly-contract.ts';
import { lightSeries, seriesThreshold } from '../series/options.ts';
import { SeriesScorer } from '../series-score.ts';
import { lowShares, shortLifeChance } from './short-life.ts';

export type Resource = 'memory' | 'cpu' | 'uptime';

/** Values before a series gets a scorer's state; until then they are kept as they are. */
const valuesBeforeState = 8;
/** Services whose lives are kept as series, the longest unused forgotten first: 14 KB each. */
const servicesKept = 512;
/** Less than this factor from the usual is of no interest, however unusual. */
const factorNeeded = 2;

/**
 * And it must be this much further outside than the farthest life remembered was from the median:
 * lives that end at random have very short ones among them.
 */
const rangesBeyond = 2;
/** A life is short where fewer than one in ten thousand would be. */
const rareLife = 1e-4;

/** What a life that ended used, unlike those before it. */
export interface UnusualLife {
  readonly resource: Resource;
  /** Bytes, share of one CPU, or seconds. */
  readonly value: number;
  readonly usual: number;
  readonly score: number;
  readonly lives: number;
}

interface Life {
  readonly invocation: string;
  readonly sinceUs: RealtimeUs;
  readonly cpuAtFirstUs: DurationUs | undefined;
  untilUs: RealtimeUs;
  peakBytes: number;
  cpuUs: DurationUs | undefined;
}

interface Series {
  lives: number;
  /** The first values, until there is a state. */
  early: number[] | undefined;
  state: Uint8Array | undefined;
}

type ServiceSeries = Partial<Record<Resource, Series>>;

/**
 * Resource use of whole lives: the peak of the memory that cannot be given back, the share of a
 * CPU, the uptime at death, each judged against the lives before it by the series scorer, on a
 * logarithmic scale. Samples only update the life under way; a life is judged once, when it ends.
 */
export class Lives {
  readonly #lives = new Map<string, Life>();
  readonly #series = new Map<string, ServiceSeries>();
  /** One scorer works for all series: their states are loaded into it and saved from it. */
  readonly #scorer = new SeriesScorer(lightSeries);
  readonly #empty = this.#scorer.save();

  sample({ service, invocation, timeUs, anonBytes, cpuUs }: ResourceSample): void {
    const life = this.#lives.get(service);
    if (life === undefined || life.invocation !== invocation) {
      this.#lives.set(service, {
        invocation,
        sinceUs: timeUs,
        untilUs: timeUs,
        peakBytes: anonBytes,
        cpuAtFirstUs: cpuUs,
        cpuUs,
      });
      return;
    }
    life.untilUs = timeUs;
    life.peakBytes = Math.max(life.peakBytes, anonBytes);
    life.cpuUs = cpuUs;
  }

  /**
   * @param uptimeUs only where the end was not somebody's wish: else the uptime says nothing
   * @returns what could be judged; undefined for what was as usual
   */
  end(
    service: string,
    timeUs: RealtimeUs,
    uptimeUs: DurationUs | undefined,
  ): ReadonlyMap<Resource, UnusualLife | undefined> {
    const life = this.#lives.get(service);
    this.#lives.delete(service);
    const values: readonly (readonly [Resource, number | undefined])[] = [
      ['memory', life?.peakBytes],
      ['cpu', life && cpuShare(life)],
      ['uptime', uptimeUs === undefined ? undefined : uptimeUs / 1e6],
    ];
    const judged = new Map<Resource, UnusualLife | undefined>();
    for (const [resource, value] of values) {
      if (value === undefined) continue;
      judged.set(resource, this.#judge(service, resource, timeUs, value));
    }
    return judged;
  }

  forget(service: string): void {
    this.#lives.delete(service);
    this.#series.delete(service);
  }

  #judge(
    service: string,
    resource: Resource,
    timeUs: RealtimeUs,
    value: number,
  ): UnusualLife | undefined {
    const series = this.#seriesOf(service, resource);
    series.lives++;
    const logarithm = Math.log2(value + smallest[resource]);
    if (series.state === undefined) {
      this.#keepEarly(series, logarithm);
      return undefined;
    }
    this.#scorer.load(series.state);
    const median = this.#scorer.quantile(0.5) ?? logarithm;
    // Shorter lives and hungrier ones are bad news; the opposite is not.
    const direction = resource === 'uptime' ? -1 : 1;
    const extreme = this.#scorer.quantile(direction < 0 ? 0 : 1) ?? logarithm;
    const low = lowShares.map((share) => this.#scorer.quantile(share) ?? logarithm);
    const remembered = Math.min(this.#scorer.seen, this.#scorer.options.memory);
    const score = this.#scorer.score(timeUs, logarithm);
    this.#scorer.save(series.state);
    const beyond = (logarithm - extreme) * direction;
    const isFar = (logarithm - median) * direction >= Math.log2(factorNeeded);
    const isOutside = beyond > rangesBeyond * Math.abs(extreme - median);
    if (score < seriesThreshold || !isFar || !isOutside) return undefined;
    const isRare = shortLifeChance(logarithm, median, low, remembered) < rareLife;
    if (resource === 'uptime' && !isRare) return undefined;
    const usual = 2 ** median - smallest[resource];
    return { resource, value, usual, score, lives: series.lives };
  }

  #keepEarly(series: Series, value: number): void {
    const early = series.early ?? [];
    early.push(value);
    series.early = early;
    if (early.length < valuesBeforeState) return;
    this.#scorer.load(this.#empty);
    for (const one of early) this.#scorer.score(Number.NaN, one);
    series.state = this.#scorer.save();
    series.early = undefined;
  }

  #seriesOf(service: string, resource: Resource): Series {
    const known = this.#series.get(service) ?? {};
    // Put last: the order of a Map is that of insertion, so the first is the longest unused.
    this.#series.delete(service);
    this.#series.set(service, known);
    if (this.#series.size > servicesKept) {
      const [longestUnused] = this.#series.keys();
      if (longestUnused !== undefined) this.#series.delete(longestUnused);
    }
    const series = known[resource] ?? { lives: 0, early: undefined, state: undefined };
    known[resource] = series;
    return series;
  }

  /** The last values of each series, as logarithms: what is kept over a restart of the agent. */
  *save(): Generator<SavedLives, void> {
    for (const [service, known] of [...this.#series]) {
      for (const resource of resources) {
        const series = known[resource];
        if (series === undefined) continue;
        if (series.state !== undefined) this.#scorer.load(series.state);
        const values = series.state === undefined ? (series.early ?? []) : this.#scorer.recent();
        yield { service, resource, lives: series.lives, values };
      }
    }
  }

  restore(saved: Iterable<SavedLives>): void {
    for (const { service, resource, lives, values } of saved) {
      const series = this.#seriesOf(service, resource);
      series.lives = lives;
      for (const value of values) {
        if (series.state === undefined) this.#keepEarly(series, value);
        else this.#again(series.state, value);
      }
    }
  }

  #again(state: Uint8Array, value: number): void {
    this.#scorer.load(state);
    this.#scorer.score(Number.NaN, value);
    this.#scorer.save(state);
  }
}

export interface SavedLives {
  readonly service: string;
  readonly resource: Resource;
  readonly lives: number;
  readonly values: readonly number[];
}

const resources = ['memory', 'cpu', 'uptime'] as const;

/** Added before the logarithm, so that differences below it do not matter: 1 MiB, 0.1%, 1 s. */
const smallest: Readonly<Record<Resource, number>> = { memory: 1_048_576, cpu: 0.001, uptime: 1 };

/** Needs a minute of samples; less says more about the start than about the service. */
function cpuShare(life: Life): number | undefined {
  const spanUs = life.untilUs - life.sinceUs;
  if (life.cpuAtFirstUs === undefined || life.cpuUs === undefined) return undefined;
  return spanUs < 60e6 ? undefined : Math.max(0, life.cpuUs - life.cpuAtFirstUs) / spanUs;
}
