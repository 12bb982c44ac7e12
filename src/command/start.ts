import { type ChildProcess, spawn } from 'node:child_process';
import type { Command } from '../model/command.ts';

export interface CommandStart {
  readonly command: Command;
  /** Runs the command line in another way: as another user. */
  readonly wrap?: readonly string[];
  /** The root folder where none is given. */
  readonly folder?: string;
  /** All of it: nothing of the agent's own, which may hold secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** Written to its standard input, which is /dev/null otherwise. */
  readonly input?: string;
  /** `pipe`: the caller reads what it prints; otherwise that goes to /dev/null. */
  readonly output: 'pipe' | 'ignore';
  /** A descriptor for its standard error instead. */
  readonly stderr?: number;
}

/** How a command ended, or why it never ran. */
export type Ended =
  | { readonly error: Error; readonly file: string }
  | { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A command that has been begun. */
export interface Started {
  /** Undefined where the kernel or Node did not even try. */
  readonly child: ChildProcess | undefined;
  /** Never rejects. Output may still be in the pipes when it resolves. */
  readonly ended: Promise<Ended>;
}

/** Where programs of a list or of /bin/sh are looked for. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What every command may know. */
export const plainEnvironment = Object.freeze({ PATH: defaultPath, LANG: 'C.UTF-8' });

/**
 * Begins a command in a session and process group of its own, so that it can be ended as a whole
 * (`group.ts`) and that a signal to the agent's terminal does not reach it.
 */
export function startCommand(start: CommandStart): Started {
  const { wrap = [], folder = '/', env, input, output, stderr = output } = start;
  const [file = '', ...args] = [...wrap, ...wordsOf(start.command)];
  let child: ChildProcess;
  try {
    child = spawn(file, args, {
      cwd: folder,
      env,
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', output, stderr],
    });
  } catch (error) {
    // A NUL byte in an argument, arguments that are too long, too many open files.
    const reason = error instanceof Error ? error : new Error(String(error));
    return { child: undefined, ended: Promise.resolve({ error: reason, file }) };
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (error) => resolve({ error, file }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  // It may end without reading its input.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return { child, ended };
}

function wordsOf(command: Command): readonly string[] {
  return typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
}

/** How it ended in a few words, to stand behind its name: `ended with status 3`. Empty for status 0. */
export function endingOf(ended: Ended): string {
  if ('error' in ended) return `cannot be run: ${startFault(ended)}`;
  const { code, signal } = ended;
  if (signal !== null) return `was ended by ${signal}`;
  return code === 0 ? '' : `ended with status ${code}`;
}

function startFault({ error, file }: Extract<Ended, { error: Error }>): string {
  const code = 'code' in error ? String(error.code) : error.message;
  if (code === 'ENOENT') return `there is no program ${file}`;
  if (code === 'EACCES') return `${file} is not executable for this user`;
  return code;
}
