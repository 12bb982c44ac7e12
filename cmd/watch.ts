import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import { Agent } from '../src/agent.ts';
import { bootId } from '../src/collector/collector.ts';
import { systemClock } from '../src/collector/system-clock.ts';
import type { Config } from '../src/config/keys.ts';
import type { AgentOptions } from '../src/surroundings.ts';
import { ask } from './api-client.ts';
import type { CommandIo } from './io.ts';
import { openLog } from './log.ts';
import { serviceManager } from './service-manager.ts';
import { VerboseLog } from './verbose-log.ts';
import { packageVersion } from './version.ts';

type Reload = () => Promise<{ readonly config: Config } | { readonly faults: readonly string[] }>;

interface Watching {
  /** Reads the configuration anew; without it a SIGHUP is not heard, and nothing is kept. */
  readonly reload?: Reload;
  readonly onStarted?: (agent: Agent) => Promise<void>;
  /** Number of -v. */
  readonly verbosity?: number;
}

/** Runs an agent until a signal ends it. */
export async function watch(
  config: Config,
  io: CommandIo,
  { reload, onStarted, verbosity = 0 }: Watching,
): Promise<number> {
  // From the first: without a handler SIGHUP would end an agent that is only about to start.
  let hasStarted = (_reload: () => Promise<void>): void => {};
  const started = new Promise<() => Promise<void>>((resolve) => {
    hasStarted = resolve;
  });
  if (reload) {
    const work = async (): Promise<void> => (await started)();
    process.on('SIGHUP', oneAfterTheOther(work, started));
  }
  const log = await openLog(config.log_level);
  const verbose = new VerboseLog(log, verbosity);
  await verbose.configured(config);
  const manager = serviceManager(io.env, (message) => log.warn({ message }, 'systemd-notify'));
  const output = outputOf(config, io);
  const options: AgentOptions = {
    config,
    clock: systemClock,
    random: Math.random,
    env: io.env,
    uid: process.getuid?.() ?? 0,
    host: config.host ?? hostname(),
    bootId: bootId(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    keepState: reload !== undefined,
    version: packageVersion(),
    log,
    listener: verbose,
    ...(output && { output }),
  };
  const ended = endingSignal();
  let agent: Agent;
  try {
    agent = new Agent(options);
    await agent.start();
  } catch (error) {
    if (!isTold(error)) throw error;
    io.stderr.write(`unitwatch: ${error.message}\n`);
    return error instanceof TypeError || error instanceof SyntaxError ? 2 : 1;
  }
  manager.tell('READY=1', `STATUS=Watching systemd ${agent.view.systemdVersion}`);
  manager.feedWatchdog((limitMs) => answersItself(agent, config.listen, limitMs));
  if (reload) hasStarted(() => reloadInto(agent, reload, manager, verbose));
  await onStarted?.(agent);
  const reason = await ended;
  manager.tell('STOPPING=1');
  manager.stop();
  await agent.stop(reason);
  return 0;
}

/** A few bytes: it is asked for a sign of life, not for its health. */
const answerBytes = 65_536;

/**
 * Whether the agent's web server still serves: a request to itself is answered, whatever with. One
 * that it ends at once counts too: where all its connections are busy, it does so to any newcomer.
 */
async function answersItself(
  { address }: Agent,
  listen: Config['listen'],
  limitMs: number,
): Promise<boolean> {
  if (address === undefined) return true;
  // The address that the kernel gives lacks the interface that a link-local one needs.
  const isScoped = listen !== 'off' && listen.host.includes('%');
  const where = isScoped ? { ...address, host: listen.host } : address;
  const answer = await ask(where, { path: '/healthz', limitMs, bytes: answerBytes });
  return !('fault' in answer) || answer.fault === 'cut';
}

/**
 * Asked for while it is under way, the work is done once more behind it, however often it was asked
 * for: what was read first is never taken last.
 * @param first what the first time waits for
 */
export function oneAfterTheOther(
  work: () => Promise<void>,
  first: Promise<unknown> = Promise.resolve(),
): () => void {
  let isWanted = false;
  let last = first;
  return () => {
    if (isWanted) return;
    isWanted = true;
    last = last.then(() => {
      isWanted = false;
      return work();
    });
  };
}

async function reloadInto(
  agent: Agent,
  reload: Reload,
  manager: ReturnType<typeof serviceManager>,
  verbose: VerboseLog,
): Promise<void> {
  manager.tell('RELOADING=1');
  const loaded = await reload();
  if ('faults' in loaded) agent.reloadFailed(loaded.faults.join('; '));
  else {
    await verbose.configured(loaded.config);
    agent.reload(loaded.config);
  }
  manager.tell('READY=1');
}

/** Resolves with the name of the first signal that ends us; a second one does so at once. */
function endingSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(name);
      });
    }
  });
}

/** An error whose message was written for the user. */
function isTold(error: unknown): error is Error {
  return error instanceof Error && ('code' in error || error instanceof TypeError);
}

function outputOf(config: Config, io: CommandIo): AgentOptions['output'] {
  const form = config.output.stdout;
  if (form === 'off') return undefined;
  const terminal = isatty(1);
  const name = form === 'auto' ? (terminal ? 'pretty' : 'ndjson') : form;
  return { name, fd: 1, colour: terminal && !io.env['NO_COLOR'] };
}
