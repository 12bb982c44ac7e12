import { settle } from './activation.ts';
import { type Causes, newCauses } from './causes.ts';
import type { DependencyGraph } from './graph.ts';
import { kindOf, otherOf } from './graph.ts';
import { type Liveness, livenessOf } from './inert.ts';
import { isStopLike, type JobMode, merged, none, start } from './jobs.ts';
import { atoms, type KindSet, kindNumber } from './kinds.ts';
import { Queue, shuffled } from './queue.ts';
import { activating, isDown, isUp } from './states.ts';
import { type Refusal, Transaction } from './transaction.ts';
import type { Rules } from './versions.ts';
import { isApplicable, type World } from './world.ts';

/** Something that will happen by itself: a process ends, RestartSec= is over. */
interface Happening {
  readonly atUs: number;
  /** Tells happenings of the same time apart: first come, first served. */
  readonly order: number;
  readonly unit: number;
  /** It is void when the unit has changed its state since. */
  readonly epoch: number;
  readonly happen: () => void;
}

/** Why a unit was stopped or started by one of the three queues of src/core/manager.c. */
export type Check = 'upheld' | 'bound' | 'unneeded';

/**
 * What happens to systemd's units after one thing has happened to one of them: its job engine in
 * small, with its states, jobs, transactions and queues (src/core/unit.c, job.c, manager.c of 252
 * and 257). Nothing of the graph is changed. Time is counted in it, never read.
 */
export class Simulation implements World {
  readonly graph: DependencyGraph;
  readonly rules: Rules;
  readonly states: Uint8Array;
  readonly jobs: Uint8Array;
  installed = 0;
  readonly causes: Causes = newCauses();
  /** How often each unit was started. */
  readonly starts: Uint8Array;
  /** Number of state changes of each unit: what was to happen to an earlier state does not. */
  readonly epochs: Uint32Array;
  readonly running: Uint8Array;
  readonly irreversible: Set<number> = new Set();
  /** Restart= is not followed when it ends: it was told to stop. */
  readonly forbidRestart: Set<number> = new Set();
  /** Started here and active without a process: a oneshot with RemainAfterExit=. */
  readonly exited: Set<number> = new Set();
  /** Services that wait for RestartSec= to be over, or for the start job after that. */
  readonly autoRestart: Set<number> = new Set();
  /** Services in auto-restart whose start is queued already, systemd 254 and later. */
  readonly restartQueued: Set<number> = new Set();
  /** Every unit whose state has changed, in the order of the first change. */
  readonly changed: Set<number> = new Set();
  nowUs = 0;
  /** What came of it may depend on an order that is chance in systemd. */
  isDelicate = false;
  readonly turn: number;
  private happened = 0;
  private readonly happenings: Queue<Happening>;
  private readonly runQueue: Queue<number>;
  private readonly inRunQueue: Set<number> = new Set();
  private readonly checks: Readonly<Record<Check, Set<number>>> = {
    upheld: new Set(),
    bound: new Set(),
    unneeded: new Set(),
  };
  private readonly checked: Map<number, number> = new Map();
  private readonly liveness: Liveness;
  private readonly unitRank: (unit: number) => number;

  constructor(graph: DependencyGraph, unitRank: (unit: number) => number, turn: number) {
    this.graph = graph;
    this.rules = graph.rules;
    this.states = graph.states.slice();
    this.jobs = new Uint8Array(graph.states.length);
    this.starts = new Uint8Array(graph.states.length);
    this.epochs = new Uint32Array(graph.states.length);
    this.running = new Uint8Array(graph.states.length);
    this.unitRank = unitRank;
    this.liveness = livenessOf(graph);
    this.turn = turn;
    // Of processes that are told to stop at once, any may be the first to end.
    this.happenings = new Queue(
      (a, b) => a.atUs - b.atUs || shuffled(a.order, turn) - shuffled(b.order, turn),
    );
    this.runQueue = new Queue((a, b) => this.compareUnits(a, b));
  }

  isApplicable(unit: number, type: number): boolean {
    return isApplicable(this.graph, unit, type);
  }

  isLive(unit: number): boolean {
    return this.liveness.isLive(unit);
  }

  /** The unit is not what it was in the graph. */
  disturb(unit: number): void {
    this.changed.add(unit);
    this.liveness.disturb(unit);
  }

  isIrreversible(unit: number): boolean {
    return this.irreversible.has(unit);
  }

  /** manager_add_job(): a job and all that belongs to it, or why systemd refuses. */
  addJob(type: number, unit: number, mode: JobMode): Refusal | undefined {
    const tr = new Transaction(this, mode === 'replace-irreversibly');
    const refusal = tr.build(type, unit, mode === 'restart-dependencies') ?? settle(tr, mode);
    this.isDelicate ||= tr.isDelicate;
    if (refusal !== undefined) {
      if (mode === 'fail') this.isDelicate = true;
      return refusal;
    }
    this.recordCauses(tr);
    for (const job of tr.heads.values())
      this.install(tr.unit[job] as number, tr.type[job] as number, tr.irreversible);
    return undefined;
  }

  private recordCauses(tr: Transaction): void {
    for (let link = 0; link < tr.subject.length; link++) {
      const from = tr.unit[tr.subject[link] as number] as number;
      const to = tr.unit[tr.object[link] as number] as number;
      const kind = tr.linkKind[link] as number;
      if (tr.linkDead[link]) this.causes.addFaint(from, to, kind);
      else this.causes.add(from, to, kind);
    }
  }

  /** Other units that `unit` is tied to, taken at once: what follows may install jobs. */
  others(unit: number, set: KindSet): number[] {
    return [...this.graph.others(unit, set)];
  }

  /** The first of the kinds by which `unit` is tied to `other`. */
  kindBetween(unit: number, other: number, set: KindSet): number {
    for (const edge of this.graph.edges[unit] as number[])
      if (otherOf(edge) === other && (set >>> kindOf(edge)) & 1) return kindOf(edge);
    return -1;
  }

  /** A unit has no job any more. What follows from that is finishJob()'s, finish.ts. */
  uninstall(unit: number): void {
    if (this.jobs[unit] !== none) this.installed--;
    this.jobs[unit] = none;
    this.running[unit] = 0;
    this.irreversible.delete(unit);
  }

  addToRunQueue(unit: number): void {
    if (this.jobs[unit] === none || this.inRunQueue.has(unit)) return;
    this.inRunQueue.add(unit);
    this.runQueue.push(unit);
  }

  /** Those whose order relative to `unit` matters may run now. */
  wakeNeighbours(unit: number): void {
    for (const other of this.graph.others(unit, atoms.after | atoms.before))
      this.addToRunQueue(other);
  }

  /** job_is_runnable(): no job of another unit has to come first. */
  isRunnable(unit: number): boolean {
    const own = this.jobs[unit] as number;
    const edges = this.graph.edges[unit] as number[];
    for (let at = this.graph.firstEdge(unit, kindNumber.After); at < edges.length; at++) {
      const kind = kindOf(edges[at] as number);
      if (kind > kindNumber.Before) break;
      const theirs = this.jobs[otherOf(edges[at] as number)] as number;
      if (theirs === none) continue;
      // Seen from the other side, After is Before.
      if (kind === kindNumber.After ? !isStopLike(own) : isStopLike(theirs)) return false;
    }
    return true;
  }

  /** Has something happen to the unit after a while, unless its state changes before. */
  later(unit: number, afterUs: number, happen: () => void): void {
    this.happenings.push({
      atUs: this.nowUs + afterUs,
      order: this.happened++,
      unit,
      epoch: this.epochs[unit] as number,
      happen,
    });
  }

  /** unit_submit_to_..._queue(): the unit is looked at when this event is over. */
  submit(check: Check, unit: number): void {
    const queue = this.checks[check];
    if (!queue.has(unit) && this.mayNeed(check, unit)) queue.add(unit);
  }

  /** The next unit to be looked at for the reason; undefined where none is left. */
  takeCheck(check: Check): number | undefined {
    const queue = this.checks[check];
    let last: number | undefined;
    // Last come, first served, as with the lists of systemd; they are short.
    for (const unit of queue) last = unit;
    if (last !== undefined) queue.delete(last);
    return last;
  }

  /**
   * auto_start_stop_ratelimit, src/core/unit.c: the queues start or stop one unit 16 times in 10 s
   * at the most. What they do after that is not predicted.
   */
  isWithinRate(unit: number): boolean {
    const times = (this.checked.get(unit) ?? 0) + 1;
    this.checked.set(unit, times);
    return times <= 16;
  }

  takeRunnable(): number | undefined {
    const unit = this.runQueue.pop();
    if (unit !== undefined) this.inRunQueue.delete(unit);
    return unit;
  }

  /** Lets the next thing happen, if one is due at `nowUs` or, with `wait`, whenever it is due. */
  letHappen(wait: boolean): boolean {
    for (;;) {
      const next = this.happenings.peek();
      if (next === undefined) return false;
      const isVoid = this.epochs[next.unit] !== next.epoch;
      if (!isVoid && !wait && next.atUs > this.nowUs) return false;
      this.happenings.pop();
      if (isVoid) continue;
      this.nowUs = Math.max(this.nowUs, next.atUs);
      next.happen();
      return true;
    }
  }

  private mayNeed(check: Check, unit: number): boolean {
    const state = this.states[unit] as number;
    if (check === 'upheld') return isDown(state) && this.hasAny(unit, atoms.upheldBy);
    if (!isUp(state)) return false;
    return check === 'bound'
      ? this.hasAny(unit, atoms.boundTo)
      : this.graph.facts(unit).settings.stopWhenUnneeded;
  }

  private hasAny(unit: number, set: KindSet): boolean {
    return this.graph.others(unit, set).next().done !== true;
  }

  /** job_install(): a job that contradicts the one that is there takes its place. */
  private install(unit: number, type: number, irreversible: boolean): void {
    const present = this.jobs[unit] as number;
    this.liveness.disturb(unit);
    if (present === none || merged(present, type) === none) {
      if (present !== none) this.cancel(unit);
      this.installed++;
      this.jobs[unit] = type;
      this.running[unit] = 0;
    } else {
      const both = merged(present, type);
      if (both !== present || this.refusesLateMerge(unit, type)) this.running[unit] = 0;
      this.jobs[unit] = both;
    }
    if (irreversible) this.irreversible.add(unit);
    this.addToRunQueue(unit);
  }

  /** systemd 254 and later: the start of an automatic restart is never merged into a running job. */
  private refusesLateMerge(unit: number, type: number): boolean {
    return this.rules.restartIsStart && type === start && this.states[unit] === activating;
  }

  private cancel(unit: number): void {
    this.uninstall(unit);
    this.wakeNeighbours(unit);
    this.submitAll(unit);
  }

  /** Active, but nothing of it runs. */
  hasNoProcess(unit: number): boolean {
    if (this.epochs[unit] === 0) return this.graph.subStates[unit] === 'exited';
    return this.exited.has(unit);
  }

  submitAll(unit: number): void {
    for (const check of ['upheld', 'bound', 'unneeded'] as const) this.submit(check, unit);
  }

  /** compare_job_priority(), src/core/cgroup.c: by type, then by name. */
  private compareUnits(a: number, b: number): number {
    const byType = this.unitRank(b) - this.unitRank(a);
    if (byType !== 0) return byType;
    const nameA = this.graph.name(a);
    const nameB = this.graph.name(b);
    return nameA < nameB ? -1 : Number(nameA > nameB);
  }
}
