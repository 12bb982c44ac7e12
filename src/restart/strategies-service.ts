import { phaseOf } from '../model/unit.ts';
import { type JobEnd, settleMs, type UnitStatus } from '../model/unit-control.ts';
import type { Done, ProcessSettings } from './contract.ts';
import { failed, ok, refused, type StrategyTools, unitOf } from './strategies.ts';
import { whyNotUnit } from './strategies-protected.ts';

/** `service`: RestartUnit, the job followed to its result. */
export async function restartUnit(
  process: string,
  settings: ProcessSettings,
  tools: Pick<StrategyTools, 'units' | 'own' | 'sleep'>,
): Promise<Done> {
  const { units, own, sleep } = tools;
  const unit = unitOf(process, settings);
  if (unit === undefined) return refused('That is no name of a unit.');
  const why = whyNotUnit(unit, settings.unit !== '', own);
  if (why !== undefined) return refused(why);
  const known = await units.knows(unit);
  if (known === false) return refused(`systemd knows no unit ${unit}.`);
  const before = known && (await units.status(unit));
  if (!before) return { outcome: 'lost', reason: `systemd could not be asked about ${unit}.` };
  const hindrance = hindranceIn(unit, before);
  if (hindrance) return hindrance;
  // A unit over its start limit often has the Result of its last try; failed is what it always is.
  if (phaseOf(before.state) === 'failed') {
    const reset = await units.resetFailed(unit);
    if (reset.result !== 'done') return doneOf(reset);
  }
  const end = await units.restartUnit(unit, settings.commandTimeoutMs);
  if (end.result === 'failed') return failed(whyFailed(unit, await units.status(unit)));
  if (end.result !== 'done') return doneOf(end);
  await sleep(settleMs);
  return standing(unit, await units.status(unit));
}

/** Why it is not the moment, or not possible at all. */
function hindranceIn(unit: string, { loadState, state }: UnitStatus): Done | undefined {
  if (loadState === 'masked') return refused(`${unit} is masked: systemctl unmask ${unit}.`);
  if (loadState !== 'loaded') return refused(`${unit} cannot be loaded (${loadState}).`);
  // Ours would take its place, and it may be a person's stop.
  return state.jobId === 0 ? undefined : refused(`systemd has a job under way for ${unit}.`);
}

/** How it looks a moment after its job was done. */
function standing(unit: string, status: UnitStatus | undefined): Done {
  if (status === undefined)
    return {
      outcome: 'lost',
      reason: `systemd could not be asked about ${unit} after its restart.`,
    };
  const phase = phaseOf(status.state);
  // A oneshot is down after its work; whether that is well, the health check says.
  return phase === 'failed' || phase === 'waiting' ? failed(whyFailed(unit, status)) : ok;
}

function whyFailed(unit: string, status: UnitStatus | undefined): string {
  if (status === undefined) return `${unit} did not start.`;
  const { result, execMainCode, execMainStatus } = status.state;
  const hint = `journalctl --unit ${unit} says more`;
  if (result === 'start-limit-hit') return `${unit} is over its start limit: ${hint}.`;
  const how = execMainCode === 1 ? `, status ${execMainStatus}` : '';
  return `${unit} did not stay up (${result}${how}): ${hint}.`;
}

function doneOf({ result, reason }: JobEnd): Done {
  switch (result) {
    case 'done':
      return ok;
    case 'late':
    case 'timeout':
      return { outcome: 'timeout', reason };
    case 'lost':
    case 'refused':
    case 'skipped':
      return { outcome: result, reason };
    case 'failed':
    case 'canceled':
    case 'dependency':
    case 'invalid':
    case 'assert':
    case 'unsupported':
    case 'collected':
    case 'once':
    case 'frozen':
    case 'concurrency':
      return failed(reason);
  }
}
