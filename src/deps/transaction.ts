import { kindOf, otherOf } from './graph.ts';
import { merged, none, restart, start, stop } from './jobs.ts';
import { LeftOutStarts } from './left-out.ts';
import { Frame, firstPropagating, gentle, type Pull } from './pulls.ts';
import { isUp } from './states.ts';
import type { World } from './world.ts';

/** What systemd answers when a job cannot be had; the message is for people. */
export type Refusal = { readonly refused: string };

/** Not an error: the unit's type cannot do that. EBADR. */
const notApplicable = 'not applicable';

/**
 * One transaction while it is put together: jobs and which job pulled in which. The numbers that
 * stand for jobs and links are places in these arrays.
 */
export class Transaction {
  readonly world: World;
  readonly unit: number[] = [];
  readonly type: number[] = [];
  readonly matters: boolean[] = [];
  readonly irreversible: boolean;
  /** The next job of the same unit, or -1. */
  readonly next: number[] = [];
  /** Links that wait for this job: those who pulled it in. */
  readonly pulledBy: number[][] = [];
  readonly pulls: number[][] = [];
  readonly subject: number[] = [];
  readonly object: number[] = [];
  readonly linkMatters: boolean[] = [];
  readonly linkConflicts: boolean[] = [];
  readonly linkKind: number[] = [];
  readonly linkDead: boolean[] = [];
  readonly jobDead: boolean[] = [];
  /** Newest job of each unit that has one. */
  readonly heads: Map<number, number> = new Map();
  anchor = -1;
  /** It may depend on the order of a hash table in systemd what comes of it. */
  isDelicate = false;
  private readonly leftOut: LeftOutStarts<Wish>;
  /** When the jobs that are added now would have been made by systemd, if not now. */
  private bornAt: number | undefined;
  private readonly born: number[] = [];

  constructor(world: World, irreversible: boolean) {
    this.world = world;
    this.irreversible = irreversible;
    this.leftOut = new LeftOutStarts(world.graph);
  }

  /** Adds the anchor job and everything that it pulls in; answers why where that is impossible. */
  build(type: number, unit: number, startIsRestart: boolean): Refusal | undefined {
    const pull = { matters: true, startIsRestart };
    let refused = this.expand({ type, unit, by: -1, kind: -1, pull });
    for (
      let found = this.leftOut.takeMet(this.heads);
      found.length > 0 && refused === undefined;
    ) {
      for (const { wish, at } of found) {
        this.bornAt = at;
        refused ??= this.expand(wish);
      }
      this.bornAt = undefined;
      found = this.leftOut.takeMet(this.heads);
    }
    if (refused !== notApplicable) return refused === undefined ? undefined : { refused };
    return { refused: `${this.world.graph.name(unit)} cannot be stopped or started at all` };
  }

  /** transaction_delete_job(): also those that cannot do without it, where `dependants` says so. */
  deleteJob(job: number, dependants: boolean): void {
    const doomed = [job];
    for (let j = doomed.pop(); j !== undefined; j = doomed.pop()) {
      if (this.jobDead[j]) continue;
      this.jobDead[j] = true;
      this.unlist(j);
      for (const link of this.pulls[j] as number[]) this.linkDead[link] = true;
      for (const link of this.pulledBy[j] as number[]) {
        if (this.linkDead[link]) continue;
        this.linkDead[link] = true;
        if (dependants && this.linkMatters[link]) doomed.push(this.subject[link] as number);
      }
    }
  }

  /** Jobs of the same unit, newest first. */
  *jobsOf(head: number): Generator<number> {
    for (let j = head; j >= 0; j = this.next[j] as number) yield j;
  }

  isPulledIn(job: number): boolean {
    return (this.pulledBy[job] as number[]).some((link) => !this.linkDead[link]);
  }

  private unlist(job: number): void {
    const unit = this.unit[job] as number;
    const head = this.heads.get(unit) as number;
    const after = this.next[job] as number;
    if (head === job) {
      if (after < 0) this.heads.delete(unit);
      else this.heads.set(unit, after);
      return;
    }
    for (let j = head; j >= 0; j = this.next[j] as number)
      if (this.next[j] === job) this.next[j] = after;
  }

  private jobOf(unit: number, type: number): number {
    for (let j = this.heads.get(unit) ?? -1; j >= 0; j = this.next[j] as number)
      if (this.type[j] === type) return j;
    return -1;
  }

  private addJob(unit: number, type: number): number {
    const job = this.unit.length;
    this.unit.push(unit);
    this.type.push(type);
    this.matters.push(false);
    this.pulledBy.push([]);
    this.pulls.push([]);
    this.jobDead.push(false);
    this.born.push(this.bornAt ?? job);
    this.list(job, unit);
    return job;
  }

  /** Puts the job before the older ones of its unit: systemd looks at the newest first. */
  private list(job: number, unit: number): void {
    let newer = -1;
    let older = this.heads.get(unit) ?? -1;
    while (older >= 0 && (this.born[older] as number) > (this.born[job] as number)) {
      newer = older;
      older = this.next[older] as number;
    }
    this.next[job] = older;
    if (newer < 0) this.heads.set(unit, job);
    else this.next[newer] = job;
  }

  private addLink(subject: number, object: number, kind: number, pull: Pull): void {
    const link = this.subject.length;
    this.subject.push(subject);
    this.object.push(object);
    this.linkMatters.push(pull.matters);
    this.linkConflicts.push(pull.conflicts === true);
    this.linkKind.push(kind);
    this.linkDead.push(false);
    (this.pulls[subject] as number[]).push(link);
    (this.pulledBy[object] as number[]).push(link);
  }

  /**
   * transaction_add_job_and_dependencies(). Recursive there; here with a stack of its own, since
   * chains may be as long as there are units. Answers why where it is impossible.
   */
  private expand(first: Wish): string | undefined {
    const stack: Frame[] = [];
    let answer = this.enter(stack, first);
    while (stack.length > 0) {
      const frame = stack.at(-1) as Frame;
      if (answer !== undefined && answer !== notApplicable && frame.childMatters) {
        stack.pop();
        if (this.world.rules.failedPullIsDropped && frame.childPulled)
          this.deleteJob(frame.job, false);
        continue;
      }
      const wish = this.nextWish(frame);
      if (wish === undefined) {
        stack.pop();
        answer = undefined;
      } else {
        answer = this.enter(stack, wish);
      }
    }
    return answer;
  }

  /** Adds the job; where it is new, also a frame that will go through what it pulls in. */
  private enter(stack: Frame[], wish: Wish): string | undefined {
    const { type, unit, by, kind, pull } = wish;
    const { world } = this;
    if (type !== stop) {
      const loadState = world.graph.facts(unit).loadState;
      if (loadState !== 'loaded') return `${world.graph.name(unit)} is ${loadState}`;
    }
    if (!world.isApplicable(unit, type)) return notApplicable;
    if (by >= 0 && this.isInert(unit, type)) {
      this.leftOut.add(wish, (this.bornAt ?? this.unit.length) - 0.5);
      return undefined;
    }
    let job = this.jobOf(unit, type);
    const isNew = job < 0;
    if (isNew) job = this.addJob(unit, type);
    if (by >= 0) this.addLink(by, job, kind, pull);
    else this.anchor = job;
    if (isNew) stack.push(new Frame(job, unit, type, by < 0, pull, world));
    return undefined;
  }

  /**
   * The unit is up, has no other job here, and nothing that its start would pull in does anything:
   * systemd would make these jobs and throw them away.
   */
  private isInert(unit: number, type: number): boolean {
    const { world } = this;
    return (
      type === start &&
      isUp(world.states[unit] as number) &&
      !this.heads.has(unit) &&
      !world.isLive(unit)
    );
  }

  /** The next job that the frame's job pulls in. */
  private nextWish(frame: Frame): Wish | undefined {
    const edges = this.world.graph.edges[frame.unit] as number[];
    while (frame.at < edges.length) {
      const edge = edges[frame.at++] as number;
      const kind = kindOf(edge);
      if (kind > frame.lastKind) break;
      const unit = otherOf(edge);
      const pulled = frame.pulls(kind, this.world.states[unit] as number);
      if (pulled === undefined) continue;
      const type = pulled.type === gentle ? this.gentleStop(unit) : pulled.type;
      if (type === none) continue;
      frame.childMatters = pulled.pull.matters;
      frame.childPulled = kind < firstPropagating;
      return { type, unit, by: frame.job, kind, pull: pulled.pull };
    }
    return undefined;
  }

  /** job_type_propagate_stop_graceful(): a unit that is also started is restarted. */
  private gentleStop(unit: number): number {
    let type: number = this.leftOut.reaches(unit) ? restart : stop;
    for (const job of this.jobsOf(this.heads.get(unit) ?? -1)) {
      const present = this.type[job];
      if (present === stop || present === restart) return none;
      if (present === start) type = restart;
    }
    return type;
  }

  /** transaction_merge_and_delete_job(): `other` becomes part of `job`, whose type is now `type`. */
  merge(job: number, other: number, type: number): void {
    this.type[job] = type;
    this.matters[job] = this.matters[job] || (this.matters[other] as boolean);
    for (const link of this.pulls[other] as number[]) {
      this.subject[link] = job;
      (this.pulls[job] as number[]).push(link);
    }
    for (const link of this.pulledBy[other] as number[]) {
      this.object[link] = job;
      (this.pulledBy[job] as number[]).push(link);
    }
    this.pulls[other] = [];
    this.pulledBy[other] = [];
    this.deleteJob(other, true);
  }

  /** Whether all jobs of a unit can become one. */
  mergedType(head: number): number {
    let type = this.type[head] as number;
    for (const job of this.jobsOf(head)) {
      type = merged(type, this.type[job] as number);
      if (type === none) return none;
    }
    return type;
  }
}

interface Wish {
  readonly type: number;
  readonly unit: number;
  readonly by: number;
  readonly kind: number;
  readonly pull: Pull;
}
