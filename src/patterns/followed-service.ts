import type { Finding } from '../model/finding.ts';
import type { RealtimeUs } from '../model/time.ts';
import type { Follower, Verdict } from './detector.ts';

/** Findings open at once about one service; four detectors make one or two each. */
export const findingsMax = 16;
/** Shared by all services that have none open. */
export const noFindings: readonly OpenFinding[] = [];

/** A finding that is open, and what the last event about it said. */
export interface OpenFinding {
  readonly detector: string;
  readonly subject: string;
  rank: number;
  level: number;
  told: Finding;
}

/** One service: a follower for each detector that has heard of it. */
export interface Service {
  readonly name: string;
  lastUs: RealtimeUs;
  /** When it was last put behind the others, of which the first is forgotten first. */
  placedUs: RealtimeUs;
  readonly followers: Record<string, Follower>;
  open: readonly OpenFinding[];
}

/**
 * What a verdict means for the findings of a service: one that opens, gets worse (a higher rank,
 * or twice the level last told) or is over; undefined where there is nothing to tell.
 */
export function conclude(
  service: Service,
  detector: string,
  verdict: Verdict,
  timeUs: RealtimeUs,
  identify: () => Pick<Finding, 'id' | 'pattern'>,
): Finding | undefined {
  const { holds, rank, level } = verdict;
  const subject = verdict.subject ?? '';
  const open = service.open.find((f) => f.detector === detector && f.subject === subject);
  if (open === undefined) {
    if (!holds || service.open.length >= findingsMax) return undefined;
    const telling = verdict.tell();
    const told: Finding = {
      ...identify(),
      service: service.name,
      phase: 'opened',
      timeUs,
      ...telling,
    };
    service.open = [...service.open, { detector, subject, rank, level, told }];
    return told;
  }
  if (!holds) {
    const others = service.open.filter((other) => other !== open);
    service.open = others.length === 0 ? noFindings : others;
    return { ...open.told, ...verdict.tell(), phase: 'cleared', timeUs };
  }
  if (rank <= open.rank && level < 2 * open.level) return undefined;
  open.rank = Math.max(open.rank, rank);
  open.level = level;
  open.told = { ...open.told, ...verdict.tell(), phase: 'updated', timeUs };
  return open.told;
}

/** Clears whatever is open (of one detector), when nobody is left to say that it is over. */
export function endAll(
  service: Service,
  timeUs: RealtimeUs,
  sentence: string,
  detector?: string,
): Finding[] {
  const evidence = { cleared_by: 'forgotten' };
  const ended = service.open.filter((f) => detector === undefined || f.detector === detector);
  service.open = service.open.filter((f) => !ended.includes(f));
  return ended.map(({ told }) => ({
    ...told,
    phase: 'cleared',
    timeUs,
    severity: 'info',
    sentence,
    evidence,
  }));
}

/** When the first of its followers wants to be called. */
export function deadlineOf(service: Service): RealtimeUs {
  let dueUs = Number.POSITIVE_INFINITY;
  // An array of them for each transition would be most of what this costs.
  for (const id in service.followers) {
    dueUs = Math.min(dueUs, service.followers[id]?.deadlineUs ?? Number.POSITIVE_INFINITY);
  }
  return dueUs;
}
