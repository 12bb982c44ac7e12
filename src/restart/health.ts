import type { Strategy } from '../model/repair.ts';
import { phaseOf, sameInvocation } from '../model/unit.ts';
import type { UnitStatus } from '../model/unit-control.ts';
import type { Done, ProcessSettings } from './contract.ts';
import { findProcesses, isStill, type ProcessEntry } from './processes.ts';
import { failed, ok, refused, type StrategyTools, unitOf } from './strategies.ts';
import { criterionOf } from './strategies-process.ts';

/** How long what runs must go on running, where there is no `post_health_check`. */
const settleMs = 1_000;

/**
 * One health check: `post_health_check` with its time limit; without one, whether the unit is active,
 * or a process of it runs, and is the same a moment later. After a `custom` restart without a unit
 * nothing but the user's command can tell.
 */
export async function checkHealth(
  process: string,
  strategy: Exclude<Strategy, 'auto'>,
  settings: ProcessSettings,
  tools: StrategyTools,
): Promise<Done> {
  const { postHealthCheck: command, healthTimeoutMs: limitMs, graceMs } = settings;
  if (command !== undefined) {
    const order = { name: 'post_health_check', command, limitMs, graceMs, acts: false };
    const { outcome, reason, notRun } = await tools.commands.run(order);
    // Nothing was found out: that says no more of the process than no answer at all.
    return { outcome: notRun ? 'lost' : outcome, reason };
  }
  const waitMs = Math.min(settleMs, limitMs);
  switch (strategy) {
    case 'service':
      return unitRuns(process, settings, tools, waitMs);
    case 'process':
      return processRuns(process, settings, tools, waitMs);
    case 'custom':
      return settings.unit === '' && settings.match === ''
        ? { outcome: 'skipped', reason: 'There is no post_health_check, unit or match to check.' }
        : checkHealth(process, settings.unit === '' ? 'process' : 'service', settings, tools);
  }
}

async function unitRuns(
  process: string,
  settings: ProcessSettings,
  { units, sleep }: StrategyTools,
  waitMs: number,
): Promise<Done> {
  const unit = unitOf(process, settings);
  if (unit === undefined) return refused('That is no name of a unit.');
  const first = await units.status(unit);
  const fault = faultOf(unit, first);
  if (fault) return fault;
  await sleep(waitMs);
  const second = await units.status(unit);
  const later = faultOf(unit, second);
  if (later) return later;
  return first && second && sameInvocation(first.state, second.state)
    ? ok
    : failed(`${unit} was started again within ${waitMs / 1_000} s.`);
}

function faultOf(unit: string, status: UnitStatus | undefined): Done | undefined {
  if (status === undefined)
    return { outcome: 'lost', reason: `systemd could not be asked about ${unit}.` };
  const { activeState, subState } = status.state;
  return phaseOf(status.state) === 'up'
    ? undefined
    : failed(`${unit} is ${activeState} (${subState}).`);
}

async function processRuns(
  process: string,
  settings: ProcessSettings,
  { search, sleep }: StrategyTools,
  waitMs: number,
): Promise<Done> {
  const criterion = await criterionOf(process, settings, search);
  if (typeof criterion === 'string') return refused(criterion);
  const found: readonly ProcessEntry[] = await findProcesses(criterion);
  if (found.length === 0) return failed('No process of it runs.');
  await sleep(waitMs);
  return found.some((entry) => isStill(entry))
    ? ok
    : failed(`Its processes ended within ${waitMs / 1_000} s.`);
}
