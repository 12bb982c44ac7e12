import { setTimeout as pause } from 'node:timers/promises';
import type { Action } from './config/key.ts';
import type { Config } from './config/keys.ts';
import type { Commands } from './restart/command.ts';
import { type Hook, Hooks, hookOccasions } from './restart/hooks.ts';

/** The hooks that are configured. @param random 0 up to 1, for the spread of retries */
export function hooksOf(config: Config, commands: Commands, random: () => number): Hooks {
  const { hooks } = config.restart;
  const made = hookOccasions.flatMap((on) => hookOf(on, hooks[on], hooks.timeout));
  const sleep = async (ms: number): Promise<void> => {
    await pause(ms, undefined, { ref: false });
  };
  return new Hooks(made, { commands, sleep, random });
}

function hookOf(
  name: (typeof hookOccasions)[number],
  action: Action | undefined,
  timeoutMs: number,
): readonly Hook[] {
  if (action === undefined) return [];
  return 'url' in action
    ? [{ name, on: [name], webhook: { url: action.url, headers: {}, timeoutMs } }]
    : [{ name, on: [name], command: action.command, timeoutMs }];
}
