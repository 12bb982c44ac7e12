import { type ChildProcess, spawn } from 'node:child_process';
import { type Channel, ok, type Sent, unknownSetting } from './channel.ts';
import type { Settings } from './resources.ts';

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
    (wordsOf(settings)
      ? undefined
      : `A command must be one string for /bin/sh, or a list of 1 to ${wordsMax} words whose first is a path from the root.`),
  send: async (message, settings) => {
    const words = wordsOf(settings);
    if (!words) return { ok: false, reason: 'it has no command', again: false };
    return run(words, `${JSON.stringify(message)}\n`);
  },
};

type Words = readonly [file: string, ...rest: string[]];

function wordsOf({ command }: Settings): Words | undefined {
  if (typeof command === 'string') {
    return command.trim() !== '' && !command.includes('\0')
      ? ['/bin/sh', '-c', command]
      : undefined;
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

function run([file, ...rest]: Words, input: string): Promise<Sent> {
  return new Promise((resolve) => {
    const child = spawn(file, rest, {
      cwd: '/',
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LANG: 'C.UTF-8',
      },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      killGroup(child);
    }, limitMs);
    const end = (sent: Sent): void => {
      clearTimeout(timer);
      resolve(sent);
    };
    // It may end without reading its input.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', (error) => {
      const code = 'code' in error ? String(error.code) : error.message;
      end({ ok: false, reason: `it cannot be run (${code})`, again: true });
    });
    child.once('exit', (code, signal) => {
      // What it has left in its group is ended with it: it has had its time.
      killGroup(child);
      const late = `it was not over after ${limitMs / 1_000} s`;
      const how = signal === null ? `status ${code}` : String(signal);
      end(code === 0 ? ok : { ok: false, reason: isLate ? late : how, again: true });
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone.
  }
}
