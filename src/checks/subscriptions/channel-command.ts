import { before, signalGroup } from '../../command/group.ts';
import { endingOf, plainEnvironment, startCommand } from '../../command/start.ts';
import type { Command } from '../../model/command.ts';
import { type Channel, ok, type Sent, unknownSetting } from './channel.ts';
import type { Settings } from './settings.ts';

/** From the start to SIGKILL. */
const limitMs = 30_000;
const wordsMax = 64;

/**
 * Runs a command with the message as JSON on its standard input: a list as it is, one string by
 * `/bin/sh -c`. It runs in a process group of its own, which is ended as a whole when time is up.
 * Nothing of the message is in its arguments or its environment, where a shell could take it for code,
 * and nothing of our own environment, which may hold secrets.
 */
export const commandChannel: Channel = {
  fault: (settings) =>
    unknownSetting(settings, ['command']) ??
    (commandOf(settings)
      ? undefined
      : `A command must be one string for /bin/sh, or a list of 1 to ${wordsMax} words whose first is a path from the root.`),
  send: async (message, settings) => {
    const command = commandOf(settings);
    if (!command) return { ok: false, reason: 'it has no command', again: false };
    return run(command, `${JSON.stringify(message)}\n`);
  },
};

function commandOf({ command }: Settings): Command | undefined {
  if (typeof command === 'string') {
    return command.trim() !== '' && !command.includes('\0') ? command : undefined;
  }
  if (!Array.isArray(command) || command.length > wordsMax) return undefined;
  const words = command.filter(
    (word): word is string => typeof word === 'string' && !word.includes('\0'),
  );
  const [file, ...rest] = words;
  if (file === undefined || words.length < command.length || !file.startsWith('/'))
    return undefined;
  return [file, ...rest];
}

async function run(command: Command, input: string): Promise<Sent> {
  const { child, ended } = startCommand({
    ...{ command, env: plainEnvironment, input, output: 'ignore' },
  });
  const end = await before(limitMs, ended);
  // What it has left in its group is ended with it: it has had its time.
  if (child) signalGroup(child, 'SIGKILL');
  if (end === undefined)
    return { ok: false, reason: `it was not over after ${limitMs / 1_000} s`, again: true };
  const reason = endingOf(end);
  return reason === '' ? ok : { ok: false, reason, again: true };
}
