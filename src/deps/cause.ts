import type { DurationUs } from '../model/time.ts';
import type { DependencyGraph } from './graph.ts';
import { needs } from './kinds.ts';
import { activating, inactive, isUp } from './states.ts';

/**
 * How long what was foretold may take. Units that are told to stop have 90 s by default
 * (DefaultTimeoutStopSec=), and then are killed.
 */
const foretoldUs: DurationUs = 100_000_000;
/** How long after a unit went down, and stayed down, those that need it fail because of it. */
const downUs: DurationUs = 30_000_000;
/** The same where it is up again: they may have lost a connection, and notice it late. */
const backUs: DurationUs = 3_000_000;
/** How long jobs of the same transaction go on when the unit that they wait for is up. */
const settlingUs: DurationUs = 250_000;
/** Units whose story is kept; beyond it the oldest are forgotten. A host's whole shutdown fits. */
const storiesMax = 10_000;
/** Longest way from a consequence to what began it; longer ones end there. */
const stepsMax = 32;

interface Expected {
  /** The unit that it was foretold of. */
  readonly by: string;
  readonly untilUs: DurationUs;
  hasEnded: boolean;
  /** Since when it is up again: then only a job can still be part of the same story. */
  backUs: DurationUs | undefined;
}

interface Down {
  readonly atUs: DurationUs;
  isBack: boolean;
  /** Who was started while it was down, and so does without it. */
  readonly without: Set<string>;
}

/**
 * Who began it, when several units go down together: told, one after the other, what was foretold of
 * a unit that goes down and who went down, it knows of each end whether it is a consequence.
 * Times are monotonic.
 */
export class Blame {
  private readonly expected: Map<string, Expected> = new Map();
  private readonly downs: Map<string, Down> = new Map();

  /**
   * `unit` goes down, and systemd will take `others` with it.
   * @param unasked no job stops it
   */
  foretell(
    graph: DependencyGraph,
    unit: string,
    others: Iterable<string>,
    unasked: boolean,
    nowUs: DurationUs,
  ): void {
    const chain = this.chain(graph, unit, unasked, nowUs);
    if (chain.length === 1) this.expected.delete(unit);
    for (const name of others) {
      if (chain.includes(name)) continue;
      // A job may itself be a consequence of what was foretold before.
      if (!unasked && this.foretoldBy(graph, name, nowUs) !== undefined) continue;
      this.expected.delete(name);
      remember(this.expected, name, {
        by: unit,
        untilUs: nowUs + foretoldUs,
        hasEnded: false,
        backUs: undefined,
      });
    }
  }

  /** Nothing came of what was foretold of `unit`: a job of it ended, and it is up. */
  withdraw(unit: string): void {
    for (const [name, { by, hasEnded }] of this.expected)
      if (by === unit && !hasEnded) this.expected.delete(name);
  }

  /** @param unasked no job stopped it: those that need it may fail, too, because of that */
  wentDown(unit: string, unasked: boolean, nowUs: DurationUs): void {
    this.downs.delete(unit);
    if (unasked) remember(this.downs, unit, { atUs: nowUs, isBack: false, without: new Set() });
    const expected = this.expected.get(unit);
    if (expected) expected.hasEnded = true;
  }

  /** The unit is started by somebody: what it needs and is down all the same is not its story. */
  isStarted(graph: DependencyGraph, unit: string): void {
    const number = this.downs.size > 0 ? graph.find(unit) : undefined;
    if (number === undefined) return;
    for (const other of graph.others(number, needs)) {
      const down = this.downs.get(graph.name(other));
      if (down?.isBack === false) down.without.add(unit);
    }
  }

  /** The unit is up: what happens to it from now on is another story, see `foretoldBy`. */
  isUp(unit: string, nowUs: DurationUs): void {
    const down = this.downs.get(unit);
    if (down) down.isBack = true;
    const expected = this.expected.get(unit);
    if (expected?.hasEnded) expected.backUs ??= nowUs;
  }

  /**
   * The unit that began what `unit` has just met; undefined where that is itself.
   * @param unasked it ended badly and no job stopped it: then what it needs may be the reason, too
   */
  rootOf(
    graph: DependencyGraph,
    unit: string,
    unasked: boolean,
    nowUs: DurationUs,
  ): string | undefined {
    const chain = this.chain(graph, unit, unasked, nowUs);
    return chain.length > 1 ? chain.at(-1) : undefined;
  }

  /** What happens to the unit was foretold of another one. */
  isForetold(graph: DependencyGraph, unit: string, unasked: boolean, nowUs: DurationUs): boolean {
    return this.stoppedBy(graph, unit, unasked, nowUs) !== undefined;
  }

  /** From the unit to what began it; ends before it would come to a unit again. */
  private chain(
    graph: DependencyGraph,
    unit: string,
    unasked: boolean,
    nowUs: DurationUs,
  ): string[] {
    const chain = [unit];
    let next = this.stoppedBy(graph, unit, unasked, nowUs);
    if (unasked) next ??= this.downAbove(graph, unit, nowUs);
    while (next !== undefined && !chain.includes(next) && chain.length < stepsMax) {
      chain.push(next);
      const failed = this.downs.get(next)?.isBack === false;
      next =
        this.foretoldBy(graph, next, nowUs) ??
        (failed ? this.downAbove(graph, next, nowUs) : undefined);
    }
    return chain;
  }

  private stoppedBy(
    graph: DependencyGraph,
    unit: string,
    unasked: boolean,
    nowUs: DurationUs,
  ): string | undefined {
    const by = this.foretoldBy(graph, unit, nowUs);
    if (unasked && this.expected.get(unit)?.backUs !== undefined) return undefined;
    // Who fails before the one that would have been stopped first is not told to stop: it began.
    return unasked && by !== undefined && isUp(stateIn(graph, by)) ? undefined : by;
  }

  /**
   * Of whom it was foretold. A unit that is up again is out of it, but for the restart that comes with
   * the automatic restart of the one that took it along.
   */
  private foretoldBy(graph: DependencyGraph, unit: string, nowUs: DurationUs): string | undefined {
    const { by, untilUs, backUs } = this.expected.get(unit) ?? {};
    if (by === undefined || untilUs === undefined || nowUs > untilUs) return undefined;
    const isOut = backUs !== undefined && nowUs - backUs > settlingUs;
    return isOut && stateIn(graph, by) !== activating ? undefined : by;
  }

  /** What the unit needs and went down before it, not long ago. */
  private downAbove(graph: DependencyGraph, unit: string, nowUs: DurationUs): string | undefined {
    const number = this.downs.size > 0 ? graph.find(unit) : undefined;
    if (number === undefined) return undefined;
    const own = this.downs.get(unit);
    const ownUs = own === undefined || own.isBack ? nowUs : own.atUs;
    for (const other of graph.others(number, needs)) {
      const down = this.downs.get(graph.name(other));
      if (down === undefined || down.atUs > ownUs || down.without.has(unit)) continue;
      if (ownUs - down.atUs <= (down.isBack ? backUs : downUs)) return graph.name(other);
    }
    return undefined;
  }
}

function stateIn(graph: DependencyGraph, name: string): number {
  return graph.states[graph.find(name) ?? -1] ?? inactive;
}

/** A Map keeps the order in which its keys were set: the first is the oldest. */
export function remember<T>(map: Map<string, T>, name: string, value: T, max = storiesMax): void {
  map.set(name, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
