import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { lastLines } from '../../model/command-lines.ts';

const run = promisify(execFile);

/** Kept of what a command writes: its last lines say why it failed. */
const keptBytes = 4_096;
const linesMax = 5;
/** mkfifo and the trial of tee; they take a few milliseconds. */
const prepareMs = 5_000;
/** How long what a command has written may take to come through after its end. */
const drainMs = 100;

/** `tee -p` goes on when nobody reads its standard output any more; others (busybox) do not know it. */
const relayCommand = ['tee', ['-p', '/dev/null']] as const;
let relayWorks: Promise<boolean> | undefined;

/**
 * Standard error of a command that may outlive us. A pipe to ourselves would break with our end, and
 * kill what still writes to it; a file would grow for as long as a daemon writes. So a relay of its
 * own, tee(1), reads a FIFO until its last writer ends, and hands on to us for as long as we listen.
 */
export class CommandStderr {
  readonly #relay: ChildProcess;
  readonly #fd: number;
  #text = '';

  /** Undefined where there is no relay to be had: then nothing is heard. Never rejects. */
  static async open(): Promise<CommandStderr | undefined> {
    relayWorks ??= relayTried();
    if (!(await relayWorks)) return undefined;
    let folder = '';
    try {
      folder = await mkdtemp(join(tmpdir(), 'unitwatch-stderr-'));
      const path = join(folder, 'stderr');
      // A command of another user's may open it anew as /dev/stderr; only we get into the folder.
      await run('mkfifo', ['-m', '0622', path], { timeout: prepareMs });
      return new CommandStderr(path);
    } catch {
      return undefined;
    } finally {
      if (folder !== '') await rm(folder, { recursive: true, force: true }).catch(() => {});
    }
  }

  /** @throws ErrnoException where there is no descriptor or no process left */
  private constructor(path: string) {
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      this.#fd = openSync(path, constants.O_WRONLY);
      const [file, args] = relayCommand;
      this.#relay = spawn(file, args, {
        cwd: '/',
        stdio: [reading, 'pipe', 'ignore'],
        detached: true,
      });
    } finally {
      closeSync(reading);
    }
    const { stdout } = this.#relay;
    this.#relay.once('error', () => {});
    this.#relay.unref();
    stdout?.on('data', (bytes: Buffer) => {
      this.#text = (this.#text + bytes.toString('utf8')).slice(-keptBytes);
    });
    stdout?.on('error', () => {});
  }

  /** For the command; closed by `begun`. */
  get fd(): number {
    return this.#fd;
  }

  /** The command has it now, or was not begun. */
  begun(): void {
    closeSync(this.#fd);
  }

  /** The last lines, cleaned of what steers a terminal, when the command has ended or is late. */
  async lines(): Promise<readonly string[]> {
    const { stdout } = this.#relay;
    const ended = new Promise<void>((resolve) => stdout?.once('close', resolve));
    await Promise.race([ended, sleep(drainMs)]);
    return lastLines(this.#text, linesMax);
  }

  /** Listens no more. The relay goes on, and drops what comes. */
  close(): void {
    this.#relay.stdout?.destroy();
  }
}

async function relayTried(): Promise<boolean> {
  const [file, args] = relayCommand;
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: '/', stdio: 'ignore', timeout: prepareMs });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
