import type { Command } from '../model/command.ts';
import type { Strategy } from '../model/repair.ts';
import type { UnitControl } from '../model/unit-control.ts';
import { isUnitName, withType } from '../model/unit-name.ts';
import type { Commands } from './command.ts';
import type { Done, ProcessSettings } from './contract.ts';

/** What the strategies act with. */
export interface StrategyTools {
  readonly units: UnitControl;
  readonly commands: Commands;
  /** Units that the agent itself runs in: `ownUnits`. */
  readonly own: ReadonlySet<string>;
  /**
   * Makes a search of `match`. It runs over argument lists that anybody may write, so it must not
   * hang on any of them.
   * @throws SyntaxError
   */
  readonly search: (pattern: string) => Promise<(text: string) => boolean>;
  readonly sleep: (ms: number) => Promise<void>;
}

export const ok: Done = { outcome: 'ok', reason: '' };

export function refused(reason: string): Done {
  return { outcome: 'refused', reason };
}

export function failed(reason: string): Done {
  return { outcome: 'failed', reason };
}

/** The unit behind a process; undefined where its name cannot be one. */
export function unitOf(process: string, settings: ProcessSettings): string | undefined {
  const unit = withType(settings.unit || process);
  return isUnitName(unit) ? unit : undefined;
}

/**
 * What `auto` comes to: the unit of that name if systemd knows one, else processes. Where systemd
 * cannot be asked it is taken for a unit: nothing is killed on a guess.
 */
export async function resolveStrategy(
  process: string,
  settings: ProcessSettings,
  units: Pick<UnitControl, 'knows'>,
): Promise<Exclude<Strategy, 'auto'>> {
  if (settings.strategy !== 'auto') return settings.strategy;
  if (settings.unit !== '') return 'service';
  const unit = unitOf(process, settings);
  if (unit === undefined) return 'process';
  return (await units.knows(unit)) === false ? 'process' : 'service';
}

/** Runs one of the commands that change something. */
export async function runCommand(
  name: string,
  command: Command,
  settings: ProcessSettings,
  commands: Commands,
): Promise<Done> {
  const { commandTimeoutMs: limitMs, graceMs } = settings;
  const { outcome, reason } = await commands.run({ name, command, limitMs, graceMs, acts: true });
  return { outcome, reason };
}

/** `custom`: the user's own command. */
export async function restartByCommand(
  settings: ProcessSettings,
  commands: Commands,
): Promise<Done> {
  return settings.restartCommand === undefined
    ? refused('There is no restart_command, which the strategy custom needs.')
    : runCommand('restart_command', settings.restartCommand, settings, commands);
}
