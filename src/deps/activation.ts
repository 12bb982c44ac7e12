import type { JobMode } from './jobs.ts';
import { isRedundant, merged, none, stop } from './jobs.ts';
import { breakOrderCycle } from './order.ts';
import { isUpOrComing } from './states.ts';
import type { Refusal, Transaction } from './transaction.ts';

const contradicts: Refusal = { refused: 'its dependencies ask to stop and to start the same unit' };
const cyclic: Refusal = { refused: 'the ordering of its dependencies goes in a circle' };

/**
 * Makes of everything that was pulled in what systemd would really do: one job at the most for each
 * unit, none of them without effect. transaction_activate(), src/core/transaction.c, whose steps
 * these are. Answers why where systemd would refuse.
 */
export function settle(tr: Transaction, mode: JobMode): Refusal | undefined {
  markWhatMatters(tr);
  if (mode === 'fail') minimizeImpact(tr);
  dropRedundant(tr);
  let circle: ReturnType<typeof breakOrderCycle>;
  do {
    collectGarbage(tr);
    circle = breakOrderCycle(tr);
    if (circle === 'broken') tr.isDelicate = true;
  } while (circle === 'broken');
  if (circle === 'unbreakable') return cyclic;
  for (let outcome = mergeJobs(tr); outcome !== 'merged'; outcome = mergeJobs(tr)) {
    if (outcome === 'impossible') return contradicts;
    collectGarbage(tr);
  }
  dropRedundant(tr);
  return destroysJobs(tr, mode);
}

/** transaction_find_jobs_that_matter_to_anchor() */
function markWhatMatters(tr: Transaction): void {
  const stack = [tr.anchor];
  tr.matters[tr.anchor] = true;
  for (let job = stack.pop(); job !== undefined; job = stack.pop()) {
    for (const link of tr.pulls[job] as number[]) {
      const object = tr.object[link] as number;
      if (tr.linkDead[link] || !tr.linkMatters[link] || tr.matters[object]) continue;
      tr.matters[object] = true;
      stack.push(object);
    }
  }
}

/** transaction_minimize_impact(): nothing running is stopped, no job changed, that need not be. */
function minimizeImpact(tr: Transaction): void {
  const { states, jobs } = tr.world;
  for (let job = 0; job < tr.unit.length; job++) {
    if (tr.jobDead[job] || tr.matters[job]) continue;
    const unit = tr.unit[job] as number;
    const type = tr.type[job] as number;
    const stopsRunning = type === stop && isUpOrComing(states[unit] as number);
    if (stopsRunning || conflicts(type, jobs[unit] as number)) tr.deleteJob(job, true);
  }
}

/** job_type_is_conflicting(); a unit without a job conflicts with nothing. */
function conflicts(type: number, installed: number): boolean {
  return installed !== none && merged(type, installed) === none;
}

/** transaction_drop_redundant() */
function dropRedundant(tr: Transaction): void {
  for (const head of [...tr.heads.values()]) {
    const jobs = [...tr.jobsOf(head)];
    if (!jobs.some((job) => hasEffect(tr, job))) for (const job of jobs) tr.deleteJob(job, false);
  }
}

function hasEffect(tr: Transaction, job: number): boolean {
  const { states, jobs } = tr.world;
  const unit = tr.unit[job] as number;
  const type = tr.type[job] as number;
  return (
    job === tr.anchor ||
    !isRedundant(type, states[unit] as number) ||
    conflicts(type, jobs[unit] as number)
  );
}

/**
 * transaction_collect_garbage(): drops what nobody pulls in any more. Only the newest job of a unit
 * is looked at, and jobs that pull in each other stay, as with systemd.
 */
function collectGarbage(tr: Transaction): void {
  const suspects = [...tr.heads.values()];
  for (let job = suspects.pop(); job !== undefined; job = suspects.pop()) {
    if (tr.jobDead[job] || job === tr.anchor || tr.isPulledIn(job)) continue;
    const unit = tr.unit[job] as number;
    if (tr.heads.get(unit) !== job) continue;
    const pulled = (tr.pulls[job] as number[]).map((link) => tr.object[link] as number);
    tr.deleteJob(job, true);
    suspects.push(...pulled);
    const next = tr.heads.get(unit);
    if (next !== undefined) suspects.push(next);
  }
}

/** transaction_merge_jobs() */
function mergeJobs(tr: Transaction): 'merged' | 'dropped one' | 'impossible' {
  // Which is looked at first decides; transaction_merge_jobs() takes them as a hash table has them.
  const torn = turned(
    [...tr.heads.values()].filter((head) => tr.mergedType(head) === none),
    tr.world.turn,
  );
  if (torn.length > 1) tr.isDelicate = true;
  for (const head of torn) {
    const victim = unmergeable(tr, [...tr.jobsOf(head)]);
    if (victim === undefined) return 'impossible';
    tr.deleteJob(victim, true);
    return 'dropped one';
  }
  for (const head of [...tr.heads.values()]) {
    const type = tr.mergedType(head);
    const [first = head, ...rest] = [...tr.jobsOf(head)].sort(
      (a, b) => Number(b === tr.anchor) - Number(a === tr.anchor),
    );
    for (const job of rest) tr.merge(first, job, type);
    tr.type[first] = type;
  }
  return 'merged';
}

/** Another one first for each turn: the first, the last, one in the middle, one before the last. */
function turned(heads: readonly number[], turn: number): number[] {
  const order = turn % 2 === 0 ? [...heads] : [...heads].reverse();
  const first = turn < 2 ? 0 : order.length >> (turn - 1);
  return [...order.slice(first), ...order.slice(0, first)];
}

/** delete_one_unmergeable_job(): which of the jobs of a unit has to go; none where all matter. */
function unmergeable(tr: Transaction, jobs: readonly number[]): number | undefined {
  const pairs = jobs.flatMap((a, i) => jobs.slice(i + 1).map((b) => [a, b] as const));
  const pair = pairs.find(([a, b]) => merged(tr.type[a] as number, tr.type[b] as number) === none);
  if (pair === undefined) return undefined;
  const [a, b] = pair;
  if (tr.matters[a]) return tr.matters[b] ? undefined : b;
  return tr.matters[b] ? a : lesser(tr, a, b);
}

/** Of a stop and a job that is none, neither of which matters: the stop, unless by ConflictedBy=. */
function lesser(tr: Transaction, a: number, b: number): number {
  const [stopping, other] = tr.type[a] === stop ? [a, b] : [b, a];
  const isConflict = (tr.pulledBy[stopping] as number[]).some(
    (link) => !tr.linkDead[link] && tr.linkConflicts[link],
  );
  return isConflict ? other : stopping;
}

/** transaction_is_destructive() */
function destroysJobs(tr: Transaction, mode: JobMode): Refusal | undefined {
  const { world } = tr;
  for (const head of tr.heads.values()) {
    const unit = tr.unit[head] as number;
    const guarded = mode === 'fail' || world.isIrreversible(unit);
    if (guarded && conflicts(tr.type[head] as number, world.jobs[unit] as number))
      return { refused: `${world.graph.name(unit)} has a job that must not be replaced` };
  }
  return undefined;
}
