import { setTimeout as pause } from 'node:timers/promises';
import { isRestarted } from './collector/ending.ts';
import type { UnitRecord } from './collector/units.ts';
import type { Watch } from './collector/watch.ts';
import type { DependencyGraph } from './deps/graph.ts';
import { boundTo, stopsWith } from './deps/repair-order.ts';
import type { Draft } from './model/event.ts';
import { invocationId, phaseOf, type UnitView } from './model/unit.ts';
import type { UnitFact } from './restart/engine-contract.ts';
import type { RepairRunner } from './restart/runner.ts';

export interface RepairUnitsOptions {
  readonly watch: Pick<Watch, 'follower' | 'knows' | 'stopCause'>;
  readonly graph: () => DependencyGraph | undefined;
  readonly runner: Pick<RepairRunner, 'unit' | 'unitGone' | 'unitHasAlarm'>;
  /** Until systemd is asked again that could not be asked about a unit. */
  readonly askAgainMs?: number;
}

/** Units of which it is known whose failure took them down; those of a large storm. */
const rootsMax = 1_000;
const askAgainMs = 10_000;

/** Tells repairs how the followed units are, and which of them nobody follows any more. */
export class RepairUnits {
  readonly #options: RepairUnitsOptions;
  readonly #roots: Map<string, string> = new Map();

  constructor(options: RepairUnitsOptions) {
    this.#options = options;
  }

  /** All of them are told anew: what is down already may be an alarm now. */
  seen(): void {
    for (const unit of this.#options.watch.follower.table.all()) {
      this.changed(unit);
      if (this.#isGivenUp(unit)) this.#options.runner.unit(unit.name, 'down', 'start_limit');
    }
  }

  /**
   * systemd would have restarted it, and has not: it is over its start limit. The event that says so
   * was told before the agent ran, and the unit's own Result is that of its last try.
   */
  #isGivenUp(unit: UnitRecord): boolean {
    const { name, state, restartPolicy } = unit;
    if (phaseOf(state) !== 'failed' || !this.#follows(name)) return false;
    return isRestarted(restartPolicy, state.result) === true && !this.#isStoppedByHand(name);
  }

  /** A unit's state is this now. */
  changed(unit: UnitView): void {
    const { name, state } = unit;
    // A reload leaves such a unit in the table until systemd's next list has come.
    if (!this.#follows(name)) return;
    const fact = this.#factOf(unit);
    if (fact === 'up') this.#roots.delete(name);
    const isDown = fact === 'down' || fact === 'stopped_by_hand';
    const hasFailed = fact === 'down' && phaseOf(state) === 'failed';
    const failure = state.result === 'start-limit-hit' ? 'start_limit' : 'failed';
    this.#options.runner.unit(
      ...([name, fact, hasFailed ? failure : undefined] as const),
      isDown ? invocationId(state) : '',
    );
  }

  /** A unit is unloaded, or nobody follows it any more. */
  gone({ name }: UnitView): void {
    const { runner } = this.#options;
    const isFollowed = this.#follows(name);
    runner.unitGone(name, isFollowed ? 'unloaded' : 'unfollowed');
    if (isFollowed && runner.unitHasAlarm(name)) void this.#ask(name);
  }

  /**
   * One that systemd can load again is as good as down: our own restart, which resets a unit's failure
   * first, has it unloaded too. One that it knows no more, a transient unit, cannot be repaired.
   */
  async #ask(name: string): Promise<void> {
    const { watch, runner } = this.#options;
    for (;;) {
      const isKnown = await watch.knows(name);
      const isBack = watch.follower.table.get(name) !== undefined;
      if (isBack || isKnown === true || !runner.unitHasAlarm(name)) return;
      if (isKnown === false) {
        runner.unitGone(name, 'unknown');
        return;
      }
      await pause(this.#options.askAgainMs ?? askAgainMs, undefined, { ref: false });
    }
  }

  /** Anything that is told: some failures say more than the unit's state, or whose doing they are. */
  told({ event_type, service, data, caused_by: root }: Draft): void {
    // The unit's own Result often stays that of its last try.
    if (event_type === 'failed' && data.reason === 'start-limit-hit' && this.#follows(service))
      this.#options.runner.unit(service, 'down', 'start_limit');
    if (root === undefined) return;
    this.#roots.delete(service);
    this.#roots.set(service, root);
    const [oldest] = this.#roots.keys();
    if (this.#roots.size > rootsMax && oldest !== undefined) this.#roots.delete(oldest);
  }

  /** The unit whose failure took this one down, as far as one is known. */
  rootOf(unit: string): string | undefined {
    return this.#roots.get(unit);
  }

  #follows(name: string): boolean {
    return this.#options.watch.follower.filter.follows(name);
  }

  #factOf({ name, state }: UnitView): UnitFact {
    const phase = phaseOf(state);
    switch (phase) {
      case 'up':
      case 'starting':
        return phase;
      case 'waiting':
        return 'auto_restart';
      case 'stopping':
        return 'down';
      case 'down':
      case 'failed':
        return this.#isStoppedByHand(name) ? 'stopped_by_hand' : 'down';
    }
  }

  #isStoppedByHand(unit: string): boolean {
    const graph = this.#options.graph();
    const cause = this.#options.watch.stopCause(unit, {
      stopsWith: (name) => stopsWith(graph, name),
      boundTo: (name) => boundTo(graph, name),
    });
    return cause?.by === 'hand';
  }
}
