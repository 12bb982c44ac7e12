import type { ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import { endingOf, plainEnvironment, startCommand } from '../../command/start.ts';
import type { Command } from '../../model/command.ts';
import { CommandStderr } from './command-stderr.ts';
import type { User } from './users.ts';

/** How a command of a component runs. */
export interface CommandSettings {
  /** As whom; undefined for the user who asks. */
  readonly user: User | undefined;
  /** The user who asks. */
  readonly uid: number;
  /** Empty: the root folder. */
  readonly workingDirectory: string;
  /** Of it the command gets PATH, the language and the time zone: the rest may hold secrets. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command that has been begun, or why it could not be. */
export type Begun = BegunCommand | { readonly refused: string };

export interface BegunCommand {
  readonly child: ChildProcess;
  /** How it ended: empty for exit status 0. */
  readonly ended: Promise<string>;
  /** The last lines of its standard error until now. */
  readonly lines: () => Promise<readonly string[]>;
  /** Nobody wants its lines any more. */
  readonly forget: () => void;
}

const passedOn = /^(PATH|LANG|LC_[A-Z]+|TZ)$/;

/**
 * Begins a command that outlives whoever asked. Its input and output are /dev/null: a pipe would break
 * when the other end goes. Its standard error is kept until `forget`, see `CommandStderr`. Another
 * user's command runs through setpriv(1), with that user's group and supplementary groups, which
 * spawn's own `uid` would leave as they are; only root can.
 */
export async function begin(command: Command, settings: CommandSettings): Promise<Begun> {
  const { user, uid, workingDirectory, env } = settings;
  const folder = workingDirectory === '' ? '/' : workingDirectory;
  if (!isFolder(folder)) return { refused: `there is no folder ${folder}` };
  const isOther = user !== undefined && user.uid !== uid;
  if (isOther && uid !== 0) return { refused: `only root can run commands as ${user.name}` };
  const stderr = await CommandStderr.open();
  const { child, ended } = startCommand({
    ...{ command, folder, env: environment(env, user), output: 'ignore' },
    ...(isOther && { wrap: asUser(user) }),
    ...(stderr && { stderr: stderr.fd }),
  });
  stderr?.begun();
  if (child === undefined) {
    stderr?.close();
    return { refused: endingOf(await ended) };
  }
  child.unref();
  const lines = async (): Promise<readonly string[]> => (await stderr?.lines()) ?? [];
  return { child, ended: ended.then(endingOf), lines, forget: () => stderr?.close() };
}

function asUser({ uid, gid }: User): string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--'];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function environment(
  env: Readonly<Record<string, string | undefined>>,
  user: User | undefined,
): Record<string, string | undefined> {
  const passed = Object.entries(env).filter(([name]) => passedOn.test(name));
  return {
    PATH: plainEnvironment.PATH,
    ...Object.fromEntries(passed),
    ...(user && { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell }),
  };
}
