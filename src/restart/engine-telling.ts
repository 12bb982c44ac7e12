import type { Draft, EventData, Severity } from '../model/event.ts';
import type { StepOutcome } from '../model/repair.ts';
import { type DurationUs, humanDuration, rfc3339 } from '../model/time.ts';
import type { CircuitChange } from './breaker.ts';
import { type Answer, engineLimits, type HookCall } from './engine-contract.ts';
import type { Core, Held, Repair, Thing } from './engine-state.ts';

const hourUs: DurationUs = 3600e6;

/**
 * How often something was told of one alarm: a flapping one must not flood. It outlives the alarm,
 * for as many as are tracked at most, the longest unheard of forgotten first.
 */
export class Telling {
  suppressed = 0;
  readonly #told = new Map<string, { count: number; sinceUs: DurationUs }>();

  /** Whether one more event about `id` may be told now. */
  mayTell(id: string, nowUs: DurationUs): boolean {
    const known = this.#told.get(id);
    this.#told.delete(id);
    const told =
      known !== undefined && nowUs < known.sinceUs + hourUs ? known : { count: 0, sinceUs: nowUs };
    this.#told.set(id, told);
    if (this.#told.size > engineLimits.alarms) {
      const [oldest] = this.#told.keys();
      if (oldest !== undefined) this.#told.delete(oldest);
    }
    told.count += 1;
    if (told.count <= engineLimits.eventsPerAlarm) return true;
    this.suppressed += 1;
    return false;
  }
}

/** An alarm came or went. */
export function tellAlarm(core: Core, held: Held, phase: 'raised' | 'cleared', why: string): void {
  const { alarm } = held;
  if (!core.telling.mayTell(alarm.id, core.now.monoUs)) return;
  const reason = why === '' ? {} : { reason: why };
  const ageUs = Math.max(0, core.now.wallUs - alarm.raisedUs);
  core.events.push({
    event_type: 'alarm',
    time: rfc3339(core.now.wallUs),
    service: alarm.process,
    severity: phase === 'raised' ? 'warning' : 'info',
    message:
      phase === 'raised' ? 'It is in alarm.' : `The alarm went after ${humanDuration(ageUs)}.`,
    data: {
      phase,
      source: alarm.source,
      alarm_id: alarm.id,
      ...(alarm.processId !== undefined && { process_id: alarm.processId }),
      ...reason,
      ...(phase === 'cleared' && { age_s: ageUs / 1e6 }),
    },
  });
}

type StepData = EventData<'restart_step'>;
type Told = Pick<StepData, 'step' | 'outcome'> & {
  readonly reason?: string;
  readonly durationUs?: DurationUs;
  readonly waitUs?: DurationUs;
  readonly dryRun?: true;
};

/** One step of a repair. */
export function tellStep(core: Core, thing: Thing, repair: Repair, told: Told): void {
  const [alarmId] = thing.alarms;
  const { reason, durationUs, waitUs, dryRun, ...step } = told;
  if (step.step === 'waiting' || step.step === 'ignored') {
    if (!core.telling.mayTell(alarmId ?? thing.key, core.now.monoUs)) return;
  }
  core.events.push({
    event_type: 'restart_step',
    time: rfc3339(core.now.wallUs),
    service: thing.process,
    severity: severityOf(step.step, step.outcome),
    message: sentence(step.step, step.outcome, reason),
    data: {
      repair_id: repair.id,
      ...(alarmId !== undefined && { alarm_id: alarmId }),
      ...step,
      attempt: repair.attempt,
      strategy: thing.strategy,
      ...(reason !== undefined && reason !== '' && { reason }),
      ...(durationUs !== undefined && { duration_s: durationUs / 1e6 }),
      ...(waitUs !== undefined && Number.isFinite(waitUs) && { wait_s: waitUs / 1e6 }),
      ...(dryRun && { dry_run: dryRun }),
    },
  });
}

/** Alarms that are not looked at: there are too many. */
export function tellLeftOut(core: Core, source: string, count: number): void {
  const reason = `${count} alarms of ${source} are left out: ${engineLimits.alarms} are tracked`;
  core.events.push({
    event_type: 'restart_step',
    time: rfc3339(core.now.wallUs),
    service: 'unitwatch',
    severity: 'error',
    message: `${reason}.`,
    data: { repair_id: 'none', step: 'ignored', outcome: 'refused', attempt: 1, reason },
  });
}

export function tellCircuit(
  core: Core,
  thing: Thing,
  change: CircuitChange,
  resetUs: DurationUs,
): void {
  core.dirty = true;
  core.events.push(circuitDraft(core, thing, change, resetUs));
}

function circuitDraft(core: Core, thing: Thing, change: CircuitChange, resetUs: DurationUs): Draft {
  const { state } = change;
  const messages = {
    open: `${change.failures} repairs in a row have failed: none is tried for ${humanDuration(resetUs)}.`,
    half_open: 'One trial is made.',
    closed: 'It is repaired again when it is in alarm.',
  };
  return {
    event_type: 'circuit',
    time: rfc3339(core.now.wallUs),
    service: thing.process,
    severity: state === 'open' ? 'error' : 'info',
    message: messages[state],
    data: { ...change, ...(state === 'open' && { reset_s: resetUs / 1e6 }) },
  };
}

function severityOf(step: StepData['step'], outcome: StepOutcome): Severity {
  if (step === 'given_up') return 'error';
  return outcome === 'ok' || outcome === 'skipped' ? 'info' : 'warning';
}

const words: Readonly<Record<StepData['step'], string>> = {
  accepted: 'The repair begins',
  waiting: 'The repair waits',
  pre_restart_command: 'The command before the restart',
  restart: 'The restart',
  health_check: 'The health check',
  settled: 'The repair has ended',
  given_up: 'The repair was given up',
  ignored: 'It is not repaired',
  hook: 'The hook',
};

function sentence(
  step: StepData['step'],
  outcome: StepOutcome,
  reason: string | undefined,
): string {
  const how: Readonly<Record<StepOutcome, string>> = {
    ok: 'worked',
    failed: 'failed',
    timeout: 'took too long',
    refused: 'was refused',
    skipped: 'was left out',
    lost: 'was not answered',
  };
  const action = step === 'restart' || step === 'health_check' || step === 'hook';
  const head =
    action || step === 'pre_restart_command' ? `${words[step]} ${how[outcome]}` : words[step];
  return reason === undefined || reason === '' ? `${head}.` : `${head}: ${stopped(reason)}`;
}

/** Some reasons are sentences already. */
function stopped(reason: string): string {
  return reason.endsWith('.') ? reason : `${reason}.`;
}

/** A source has not taken how a repair ended. */
export function tellSettling(core: Core, held: Held, reason: string): void {
  const { alarm } = held;
  if (!core.telling.mayTell(alarm.id, core.now.monoUs)) return;
  core.events.push({
    event_type: 'restart_step',
    time: rfc3339(core.now.wallUs),
    service: alarm.process,
    severity: 'warning',
    message: `How the repair ended could not be written to ${alarm.source}: ${stopped(reason)}`,
    data: {
      repair_id: 'none',
      alarm_id: alarm.id,
      step: 'settled',
      outcome: 'lost',
      attempt: 1,
      reason,
    },
  });
}

/** A hook has ended. */
export function tellHook(core: Core, call: HookCall, answer: Answer): void {
  const { outcome, reason } = answer;
  core.events.push({
    event_type: 'restart_step',
    time: rfc3339(core.now.wallUs),
    service: call.process,
    severity: severityOf('hook', outcome),
    message: sentence('hook', outcome, reason),
    data: {
      repair_id: call.repairId,
      step: 'hook',
      outcome,
      attempt: Math.max(1, call.attempts),
      reason: reason === '' ? call.hook : `${call.hook}: ${reason}`,
    },
  });
}
