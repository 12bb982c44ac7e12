import type { DurationUs } from '../model/time.ts';
import { type Blame, remember } from './cause.ts';
import { type Affects, affectsOf } from './chain.ts';
import type { DependencyGraph } from './graph.ts';
import { type Impact, likelyImpact, type Trigger } from './impact.ts';
import { takenAlong } from './taken.ts';

/** How much of a CPU may go into it: 2% for long, half a second at once. */
const budgetShare = 0.02;
const budgetMaxUs: DurationUs = 500_000;
/** Of that, what is left for crashes: the stop jobs that follow from one may be heard of before it. */
const crashReserveUs: DurationUs = 300_000;
/** Units whose last answer is kept, for the findings that follow an end. */
const keptMax = 1_000;

interface Foretold {
  readonly on: Trigger;
  readonly affects: Affects | undefined;
  /** Of the run that ends now; else of the one before. */
  isNow: boolean;
}

/**
 * What follows when a unit goes down, asked while the graph still shows it up. It is worked out no
 * more often than there is time for: in a storm some ends are told without it, and who began them is
 * judged by the kinds of their dependencies alone.
 */
export class Foresight {
  private readonly known: Map<string, Foretold> = new Map();
  private readonly now: () => DurationUs;
  private budgetUs = budgetMaxUs;
  private atUs: DurationUs;

  constructor(now: () => DurationUs) {
    this.now = now;
    this.atUs = now();
  }

  /** What the end is that is under way: of a stop, or a crash; undefined where nothing is told. */
  told(unit: string): Trigger | undefined {
    const known = this.known.get(unit);
    return known?.isNow ? known.on : undefined;
  }

  /** What was found last, of this end or the one before. */
  last(unit: string): Affects | undefined {
    return this.known.get(unit)?.affects;
  }

  /** The unit is up: its next end is another story. */
  isUp(unit: string): void {
    const told = this.known.get(unit);
    if (told) told.isNow = false;
  }

  /**
   * Asks, and tells `blame` what systemd will take along.
   * @returns undefined where the unit is not known, where it was foretold itself, and what follows
   * from it with it, or where too much time went into this lately: then `blame` is told roughly
   */
  foretell(
    graph: DependencyGraph,
    blame: Blame,
    unit: string,
    on: Trigger,
    depth: number,
  ): Affects | undefined {
    const begunUs = this.now();
    this.known.delete(unit);
    // Also where nothing is foretold: whether a job ends it is known all the same.
    remember(this.known, unit, { on, affects: undefined, isNow: true }, keptMax);
    if (blame.isForetold(graph, unit, on === 'crash', begunUs)) return undefined;
    const earnedUs = (begunUs - this.atUs) * budgetShare;
    this.budgetUs = Math.min(budgetMaxUs, this.budgetUs + earnedUs);
    this.atUs = begunUs;
    const reserveUs = on === 'crash' ? 0 : crashReserveUs;
    const impact = this.budgetUs > reserveUs ? likelyImpact(graph, unit, on) : undefined;
    const affects = impact && affectsOf(impact, depth);
    blame.foretell(
      graph,
      unit,
      takenBy(impact) ?? takenAlong(graph, unit, on),
      on === 'crash',
      begunUs,
    );
    this.known.set(unit, { on, affects, isNow: true });
    this.budgetUs -= this.now() - begunUs;
    return affects;
  }
}

function takenBy(impact: Impact | undefined): string[] | undefined {
  return impact && [...impact.stopped, ...impact.restarted].map(({ unit }) => unit);
}
