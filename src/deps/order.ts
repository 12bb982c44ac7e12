import { kindOf, otherOf } from './graph.ts';
import { none, runsBefore } from './jobs.ts';
import { kindNumber } from './kinds.ts';
import type { Transaction } from './transaction.ts';

/**
 * Looks for jobs that wait for each other in a circle and, where one of them does not matter, deletes
 * all jobs of its unit. transaction_verify_order(), src/core/transaction.c; where several could go,
 * which one goes is chance there.
 */
export function breakOrderCycle(tr: Transaction): 'none' | 'broken' | 'unbreakable' {
  const circle = findCircle(tr);
  if (circle === undefined) return 'none';
  for (const unit of circle) {
    const head = tr.heads.get(unit);
    if (head === undefined) continue;
    const jobs = [...tr.jobsOf(head)];
    if (jobs.some((job) => tr.matters[job])) continue;
    for (const job of jobs) tr.deleteJob(job, true);
    return 'broken';
  }
  return 'unbreakable';
}

/** A unit on the way down the search, and where in its edges the search stands. */
interface Step {
  readonly unit: number;
  readonly type: number;
  at: number;
}

/** The units of a circle, from where it was noticed backwards; undefined where there is none. */
function findCircle(tr: Transaction): number[] | undefined {
  if (tr.heads.size < 2 && tr.world.installed === 0) return undefined;
  const done = new Set<number>();
  const onPath = new Set<number>();
  const heads = [...tr.heads];
  if (tr.world.turn % 2 === 1) heads.reverse();
  for (const [unit, head] of heads) {
    if (done.has(unit)) continue;
    const path: Step[] = [stepAt(tr, unit, tr.type[head] as number)];
    onPath.add(unit);
    while (path.length > 0) {
      const step = path.at(-1) as Step;
      const next = nextAfter(tr, step, done);
      if (next === undefined) {
        path.pop();
        onPath.delete(step.unit);
        done.add(step.unit);
      } else if (onPath.has(next.unit)) {
        const from = path.findIndex(({ unit: other }) => other === next.unit);
        return path
          .slice(from)
          .map(({ unit: member }) => member)
          .reverse();
      } else {
        path.push(next);
        onPath.add(next.unit);
      }
    }
  }
  return undefined;
}

function stepAt(tr: Transaction, unit: number, type: number): Step {
  return { unit, type, at: tr.world.graph.firstEdge(unit, kindNumber.After) };
}

/** The next unit whose job has to wait for this one's and that was not searched yet. */
function nextAfter(tr: Transaction, step: Step, done: ReadonlySet<number>): Step | undefined {
  const edges = tr.world.graph.edges[step.unit] as number[];
  while (step.at < edges.length) {
    const edge = edges[step.at++] as number;
    const kind = kindOf(edge);
    if (kind > kindNumber.Before) break;
    const unit = otherOf(edge);
    if (done.has(unit)) continue;
    const head = tr.heads.get(unit);
    const type = head === undefined ? (tr.world.jobs[unit] as number) : (tr.type[head] as number);
    if (type !== none && runsBefore(step.type, type, kind === kindNumber.After))
      return stepAt(tr, unit, type);
  }
  return undefined;
}
