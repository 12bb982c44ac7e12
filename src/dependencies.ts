import type { UnitsSink } from './collector/all-units.ts';
import { dependencyRoutes } from './dependency-routes.ts';
import { Blame, remember } from './deps/cause.ts';
import { type Affects, chainAbove } from './deps/chain.ts';
import { checkNode, checkUnits } from './deps/checks.ts';
import { detailPicture, type PictureAsked } from './deps/detail-picture.ts';
import { Foresight } from './deps/foresight.ts';
import { givenUpDraft } from './deps/given-up.ts';
import { DependencyGraph } from './deps/graph.ts';
import { type Impact, impactOf, type Trigger } from './deps/impact.ts';
import { inactive, isStarted, isUp, stateCode, stateWord } from './deps/states.ts';
import { majorVersion, rulesOf } from './deps/versions.ts';
import type { CheckView } from './model/check.ts';
import type { UnitDependencies } from './model/dependencies.ts';
import type { Draft } from './model/event.ts';
import { patterns } from './model/finding.ts';
import type { DependencyPicture } from './model/status.ts';
import type { Clock } from './model/time.ts';
import type { Ending, Transition } from './model/transition.ts';
import { newUnitState, type Phase, phaseOf, type UnitState, type UnitView } from './model/unit.ts';
import type { Routes } from './outputs/http-routes.ts';

/** The part of the configuration that is used here. */
interface Settings {
  readonly track_dependencies: boolean;
  readonly dependency_depth: number;
}

export interface DependenciesOptions {
  readonly config: Settings;
  readonly clock: Clock;
  /** Whether events are written about the unit. */
  readonly follows: (unit: string) => boolean;
  /** Takes what no transition tells: a start that was given up for what it needs. */
  readonly onDraft: (draft: Draft) => void;
  /** All units have been read, for the first time or anew. */
  readonly onRead?: () => void;
  readonly log: { warn(fields: object, message: string): void };
}

/** Units whose chain above is kept; a storm's fit. */
const chainsMax = 1_000;

const endedWell: Ending = { reason: 'clean', result: 'success', coreDump: false };
const endTypes: ReadonlySet<string> = new Set(['exited', 'failed', 'stopped']);
const restartTypes: ReadonlySet<string> = new Set(['restarting', 'restarted']);
const findingTypes: ReadonlySet<string> = new Set(patterns);
/**
 * The dependencies at work: keeps the graph of all units as they are now, says of each end what
 * follows from it and what it follows from, and answers `unitwatch impact` and `unitwatch graph`.
 */
export class Dependencies implements UnitsSink {
  readonly routes: Routes;
  private settings: Settings;
  private readonly options: DependenciesOptions;
  /** Undefined until all units have been read once. */
  private graph: DependencyGraph | undefined;
  /** The one that is being read. */
  private next: DependencyGraph | undefined;
  private checks: readonly CheckView[] = [];
  private blame: Blame = new Blame();
  private foresight: Foresight;
  private readonly chains: Map<string, readonly string[]> = new Map();
  private chainsOf = -1;
  /** The unit whose job was the last to end otherwise than for want of another unit. */
  private lastJobOf = '';

  constructor(options: DependenciesOptions) {
    this.options = options;
    this.settings = options.config;
    this.foresight = new Foresight(() => options.clock.monotonicUs());
    this.routes = dependencyRoutes(() => this.graph);
  }

  /** Takes a new configuration. What is switched on is read when the table is, which follows. */
  configure(settings: Settings): void {
    this.settings = settings;
    this.chains.clear();
    if (settings.track_dependencies) return;
    this.graph = this.next = undefined;
    this.blame = new Blame();
    this.foresight = new Foresight(() => this.options.clock.monotonicUs());
  }

  /** The event with what is known of its unit's surroundings: before the unit's state is taken. */
  explained<D extends Draft>(draft: D): D {
    const { graph } = this;
    const type = draft.event_type;
    const isEnd = endTypes.has(type);
    const isFinding = findingTypes.has(type);
    if (graph === undefined || !(isEnd || isFinding || restartTypes.has(type))) return draft;
    const unit = draft.service;
    const root = isFinding ? undefined : this.rootOf(graph, unit, type);
    const causedBy = draft.caused_by ?? root;
    const told = causedBy === undefined ? draft : { ...draft, caused_by: causedBy };
    if (!isEnd && !isFinding) return told;
    // A consequence's own surroundings are told with what began it, and have gone down by now.
    const affects = causedBy ? undefined : this.affects(graph, unit, type, draft.resync === true);
    const above = this.above(graph, unit);
    return {
      ...told,
      ...(above.length > 0 && { depends_on: above }),
      ...(affects && { affects }),
    };
  }

  /**
   * The transition as detectors should see it: what a unit goes through as a consequence of another
   * one's failure is no crash and no restart of its own. Undefined where nothing is left of it.
   */
  ownStory(what: Transition): Transition | undefined {
    const { graph } = this;
    const { kind, unit } = what;
    if (graph === undefined || kind === 'started' || kind === 'stopped') return what;
    if (this.rootOf(graph, unit, kind) === undefined) return what;
    if (kind === 'restarting') return undefined;
    const { cause: _cause, downUs: _downUs, ending: _ending, ...rest } = what;
    if (kind === 'restarted') return { ...rest, kind: 'started', count: 1 };
    return { ...rest, kind: 'stopped', ending: endedWell };
  }

  /** A unit has changed, and what that means has been told. */
  changed(name: string, state: Readonly<UnitState>): void {
    this.next?.setState(name, state.activeState, state.subState);
    const { graph } = this;
    const number = graph?.find(name);
    if (graph === undefined || number === undefined) return;
    const wasUp = isUp(graph.states[number] as number);
    const phase = phaseOf(state);
    if (wasUp) this.foresee(graph, name, state, phase);
    // Who is started again by Restart= was not started by anybody.
    if (isStarted(graph.states[number] as number, phase) && state.nRestarts === 0)
      this.blame.isStarted(graph, name);
    if (phase === 'up') this.cameUp(name, wasUp && state.jobId !== 0);
    else if (wasUp) this.wentDown(name);
    graph.setState(name, state.activeState, state.subState);
  }

  followed(unit: UnitView): void {
    this.changed(unit.name, unit.state);
  }

  /** What follows from a job that may end the run, or from its end. */
  private foresee(
    graph: DependencyGraph,
    name: string,
    state: Readonly<UnitState>,
    phase: Phase,
  ): void {
    const isTold = this.foresight.told(name) !== undefined;
    if (phase === 'up' && state.jobId === 0) {
      if (isTold) this.blame.withdraw(name);
    } else if (!isTold) {
      // A job that shows with a failure is the next start's, not the one that the run ended under.
      const isPending = state.jobId !== 0 && (phase === 'up' || phase === 'stopping');
      this.foretell(graph, name, isPending || state.endJobId !== 0 ? 'stop' : 'crash');
    }
  }

  private cameUp(name: string, hasJob: boolean): void {
    this.blame.isUp(name, this.options.clock.monotonicUs());
    if (!hasJob) this.foresight.isUp(name);
  }

  private wentDown(name: string): void {
    const unasked = this.foresight.told(name) !== 'stop';
    this.blame.wentDown(name, unasked, this.options.clock.monotonicUs());
  }

  private rootOf(graph: DependencyGraph, unit: string, type: string): string | undefined {
    const unasked = type !== 'stopped' && this.foresight.told(unit) !== 'stop';
    return this.blame.rootOf(graph, unit, unasked, this.options.clock.monotonicUs());
  }

  private affects(
    graph: DependencyGraph,
    unit: string,
    type: string,
    resync: boolean,
  ): Affects | undefined {
    const last = this.foresight.last(unit);
    if (last && (findingTypes.has(type) || this.foresight.told(unit))) return last;
    // What a resync finds happened some time ago, and so did what followed.
    if (resync) return undefined;
    return this.foretell(graph, unit, type === 'stopped' ? 'stop' : 'crash');
  }

  private foretell(graph: DependencyGraph, unit: string, on: Trigger): Affects | undefined {
    const { dependency_depth: depth } = this.settings;
    return this.foresight.foretell(graph, this.blame, unit, on, depth);
  }

  private above(graph: DependencyGraph, unit: string): readonly string[] {
    if (this.chainsOf !== graph.structure) this.chains.clear();
    this.chainsOf = graph.structure;
    const known = this.chains.get(unit);
    if (known) return known;
    const chain = chainAbove(graph, unit, this.settings.dependency_depth);
    remember(this.chains, unit, chain, chainsMax);
    return chain;
  }

  /**
   * What a unit or a component depends on and who depends on it; undefined where that is not known.
   * @param checks the components as they are now
   */
  picture(asked: PictureAsked, checks: readonly CheckView[]): DependencyPicture | undefined {
    this.updateChecks(checks);
    return detailPicture(this.graph, checks, asked, this.settings.dependency_depth);
  }

  /** What follows for other units; or why that is not known. */
  impact(unit: string, on: Trigger): Impact | { readonly wrong: string } {
    if (this.graph === undefined)
      return { wrong: 'Dependencies are not tracked, or not read yet.' };
    const none = { unit, on, stopped: [], restarted: [], degraded: [], blocked: [] };
    return impactOf(this.graph, unit, on) ?? none;
  }

  /** All units as they are now; undefined while that is not known. */
  get units(): DependencyGraph | undefined {
    return this.graph;
  }

  get enabled(): boolean {
    return this.settings.track_dependencies;
  }

  begin(version: string): void {
    this.next = new DependencyGraph(rulesOf(majorVersion(version)));
  }

  unit(unit: UnitDependencies): void {
    const isNews = isUp(stateCode(unit.activeState)) && !this.isKnownUp(unit.name);
    if (this.next) this.next.add(unit);
    else this.graph?.update(unit);
    if (!isNews) return;
    // No signal tells that a unit came up which was not loaded before.
    if (this.graph) this.blame.isStarted(this.graph, unit.name);
    this.cameUp(unit.name, false);
  }

  private isKnownUp(name: string): boolean {
    return isUp(this.graph?.states[this.graph.find(name) ?? -1] ?? inactive);
  }

  end(): void {
    this.next?.settle();
    this.graph = this.next ?? this.graph;
    this.next = undefined;
    this.chainsOf = -1;
    this.updateChecks(this.checks);
    this.options.onRead?.();
  }

  removed(name: string): void {
    this.graph?.remove(name);
    this.next?.remove(name);
  }

  lookUp(name: string, state: UnitState): boolean {
    const graph = this.graph ?? this.next;
    const number = graph?.find(name);
    if (graph === undefined || number === undefined) return false;
    state.activeState = stateWord(graph.states[number] as number);
    state.subState = graph.subStates[number] ?? '';
    return true;
  }

  unread(reason: string): void {
    this.options.log.warn({ reason }, 'What units depend on could not be read.');
  }

  /**
   * systemd ends a job that failed and then, at once, the jobs that needed it, whose result is
   * `dependency` (job_finish_and_invalidate(), src/core/job.c): so the last other one is the reason.
   */
  jobRemoved(unit: string, result: string): void {
    if (result !== 'dependency') this.lastJobOf = unit;
    else if (this.options.follows(unit)) this.tellGivenUp(unit, this.lastJobOf);
  }

  private tellGivenUp(unit: string, root: string): void {
    const state = newUnitState();
    this.lookUp(unit, state);
    const { clock, onDraft } = this.options;
    onDraft(givenUpDraft(unit, root, state, clock.realtimeUs()));
  }

  /** The checks as they are now, states included: they stand in the graph as `check:NAME`. */
  updateChecks(checks: readonly CheckView[]): void {
    const names = new Set(checks.map(({ name }) => name));
    for (const { name } of this.checks) if (!names.has(name)) this.graph?.remove(checkNode(name));
    for (const unit of checkUnits(checks)) this.graph?.update(unit);
    this.checks = checks;
  }
}
