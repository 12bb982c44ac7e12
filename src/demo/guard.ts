import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CannotBoot } from './requirements.ts';
import { guardScript } from './scripts.ts';

/** The process between ours and a throw-away systemd: it outlives ours just to clean up. */
export interface Guard {
  /** systemd's process as seen outside, once its root is built and it waits to be told to start. */
  readonly pid: Promise<number>;
  /** Lets it become systemd. */
  go(pid: number): void;
  /** Ends every process behind it. Safe to call twice. */
  end(): Promise<void>;
  /** Settles when the guard has ended, and with it everything that it started. */
  readonly gone: Promise<void>;
  /** From now on it does not keep our process alive. */
  unref(): void;
}

/** SIGKILL to the last process' end takes tens of milliseconds; with 5,000 services, a second. */
const endTimeoutMs = 20_000;
/** What is kept of the scripts' complaints, to say why a boot failed. */
const maxComplaint = 4_096;

/** Starts the guard script in a session of its own: Ctrl-C on a terminal does not reach it. */
export function startGuard(env: Readonly<Record<string, string>>): Guard {
  const child = spawn('/bin/sh', ['-c', guardScript], {
    detached: true,
    env,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [lifeline, report, errors, goPipe] = child.stdio;
  if (!lifeline || !report || !errors || !(goPipe instanceof Writable))
    throw new CannotBoot('A throw-away systemd needs /bin/sh, which cannot be started here.');
  // They break when the guard ends, which `gone` says.
  lifeline.on('error', () => {});
  goPipe.on('error', () => {});
  let complaint = '';
  errors.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-maxComplaint);
  });
  let started = false;
  const closed = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
  const pid = new Promise<number>((resolve, reject) => {
    createInterface(report).once('line', (line) => resolve(Number(line)));
    void closed.then(() => reject(refusal(complaint)));
  });
  return {
    pid,
    gone: closed,
    go(init) {
      started = true;
      lifeline.write(`${init}\n`);
      goPipe.end('go\n');
    },
    async end() {
      lifeline.end();
      if (!started) goPipe.end();
      await within(closed, endTimeoutMs, 'the throw-away systemd did not end');
    },
    unref() {
      child.unref();
      for (const stream of [lifeline, report, errors, goPipe])
        if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
    },
  };
}

function refusal(complaint: string): CannotBoot {
  return new CannotBoot(
    'A throw-away systemd needs to make namespaces, mounts and cgroups, which is refused here ' +
      `(${complaint.trim().replaceAll('\n', '; ') || 'no reason given'}): run it on a machine, or ` +
      'in a container that may (privileged).',
  );
}

async function within(promise: Promise<void>, ms: number, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
