import type { Finding } from '../model/finding.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type { AnomalyInput } from './anomaly-contract.ts';
import type { AnomalyFindings } from './anomaly-findings.ts';
import type { RecordedRow } from './recorded-row.ts';
import { type PatternRunner, runnerLimits } from './runner.ts';

/** How a service stood after its last row: only what tells a restart's cause where a row does not. */
type Standing = 'up' | 'exited' | 'crashed' | 'stopped';

/** How often `anomaly` is asked; the agent asks more often, which changes no finding but its delay. */
const tickUs: DurationUs = 600e6;
/** A pause longer than this is one in the recording, not in what was recorded. */
const pauseUs: DurationUs = 40 * 86_400e6;
/** `anomaly` waits a minute for others that start over. */
const settleUs: DurationUs = 61e6;

/**
 * The detectors over something that was recorded, at full speed: rows in, findings out. Time is
 * that of the rows; what only time decides is decided before the row that comes after it.
 */
export class Backtest {
  readonly #runner: PatternRunner;
  readonly #anomalies: AnomalyFindings | undefined;
  #tickedUs: RealtimeUs = 0;
  #lastUs: RealtimeUs = 0;
  readonly #standing = new Map<string, Standing>();

  /** @param anomalies undefined where they are not sought */
  constructor(runner: PatternRunner, anomalies: AnomalyFindings | undefined) {
    this.#runner = runner;
    this.#anomalies = anomalies;
  }

  push(row: RecordedRow): Finding[] {
    switch (row.kind) {
      case 'other':
        return [];
      case 'timer':
        this.#runner.timerElapsed(row.elapse);
        return this.advance(row.elapse.timeUs);
      case 'transition': {
        this.#lastUs = Math.max(this.#lastUs, row.transition.timeUs);
        const findings = this.advance(row.transition.timeUs);
        for (const t of this.#complete(row.transition, row.causeKnown)) {
          findings.push(...this.#runner.transition(t));
          findings.push(...this.#anomaly({ kind: 'transition', transition: t }));
        }
        return findings;
      }
    }
  }

  /** Lets time pass up to `timeUs`. */
  advance(timeUs: RealtimeUs): Finding[] {
    const findings = advanced(this.#runner, timeUs);
    // Nothing is learned from a pause of weeks: nobody recorded.
    if (timeUs - this.#tickedUs > pauseUs) this.#tickedUs = timeUs - tickUs;
    if (this.#anomalies === undefined) return findings;
    for (; this.#tickedUs + tickUs <= timeUs; this.#tickedUs += tickUs) {
      const nowUs = this.#tickedUs + tickUs;
      findings.push(...this.#anomaly({ kind: 'tick', nowUs }));
    }
    return findings;
  }

  /** The recording is over: what waits for others to follow has waited long enough. */
  end(): Finding[] {
    return [...this.#anomaly({ kind: 'tick', nowUs: this.#lastUs + settleUs })];
  }

  #anomaly(input: AnomalyInput): readonly Finding[] {
    return this.#anomalies?.observe(input) ?? [];
  }

  /**
   * Other programs write one line for a restart, often without its cause. It is automatic unless
   * the service had been stopped, and counts as a crash unless a line before it has said so.
   */
  #complete(t: Transition, causeKnown: boolean): Transition[] {
    const before = this.#standing.get(t.unit);
    this.#remember(t.unit, standingAfter(t));
    if (t.kind === 'restarting') {
      if (causeKnown) return [t];
      // Whether it came up is not told by those who do not tell the cause: as a rule it did.
      const run: Transition = { ...t, kind: 'restarted', cause: 'automatic', inferred: true };
      return [{ ...t, cause: 'automatic' }, run];
    }
    // It ended by itself and nobody stopped it: a start after that is a restart.
    const isRestart = t.kind === 'restarted' || (t.kind === 'started' && before === 'exited');
    if (!isRestart || (causeKnown && t.cause !== 'automatic')) return [t];
    if (!causeKnown && before === 'stopped') return [{ ...t, cause: 'manual' }];
    const run: Transition = { ...t, kind: 'restarted', cause: 'automatic', count: 1 };
    if (before === 'crashed') return [run];
    return [{ ...t, kind: 'restarting', cause: 'automatic', inferred: true }, run];
  }

  #remember(unit: string, standing: Standing): void {
    this.#standing.delete(unit);
    this.#standing.set(unit, standing);
    const oldest = this.#standing.keys().next();
    if (this.#standing.size > runnerLimits.services && oldest.done !== true) {
      this.#standing.delete(oldest.value);
    }
  }
}

/** What a runner finds when time passes up to `timeUs`. */
export function advanced(runner: PatternRunner, timeUs: RealtimeUs): Finding[] {
  const findings: Finding[] = [];
  while (runner.nextDeadlineUs <= timeUs) findings.push(...runner.tick(runner.nextDeadlineUs));
  return findings;
}

function standingAfter(t: Transition): Standing {
  switch (t.kind) {
    case 'started':
    case 'restarted':
      return 'up';
    case 'failed':
    case 'restarting':
      return 'crashed';
    case 'exited':
    case 'stopped':
      return t.kind;
  }
}
