import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import { parseArgs } from 'node:util';
import { Agent, type AgentOptions } from '../src/agent.ts';
import { bootId } from '../src/collector/collector.ts';
import type { Config } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Override } from '../src/config/setting.ts';
import { systemdRuns } from '../src/demo/systemd-host.ts';
import { systemClock } from './clock.ts';
import type { CommandIo } from './io.ts';
import { openLog } from './log.ts';
import { serviceManager } from './service-manager.ts';
import { packageVersion } from './version.ts';

const help = `Usage: unitwatch run [--bus system|user|ADDRESS] [--config FILE]
                     [--listen HOST:PORT|off] [--output ndjson|pretty|off]

Watches the services of a systemd: events to standard output, metrics on
http://127.0.0.1:9753/metrics, logs to standard error.

  --bus WHICH      system (default), user, or a D-Bus address
  --config FILE    configuration instead of /etc/unitwatch/unitwatch.yaml
  --listen WHERE   where /metrics is served; off for nowhere
  --output FORM    ndjson, pretty (default on a terminal), or off
  --or-demo        on a machine without systemd, run the demo instead
  --help           print this text

SIGHUP reloads the configuration, SIGTERM and SIGINT end it.
Exit status: 0; 1 where it cannot run here; 2 where it was asked wrongly.
`;

interface Asked {
  readonly file: string | undefined;
  readonly overrides: readonly Override[];
  readonly orDemo: boolean;
  readonly help: boolean;
}

/** `unitwatch run`. @returns the exit status, when the agent has ended */
export async function run(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) {
    io.stderr.write(`unitwatch run: ${asked.wrong}\nTry: unitwatch run --help\n`);
    return 2;
  }
  if (asked.help) {
    io.stdout.write(help);
    return 0;
  }
  if (asked.orDemo && !systemdRuns()) {
    io.stderr.write('This machine does not run systemd: booting a throw-away one to watch.\n');
    const { demo } = await import('./demo.ts');
    return demo([], io);
  }
  const request = { file: asked.file, env: io.env, overrides: asked.overrides };
  const loaded = await loadConfig(request);
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  return watch(loaded.config, io, async () => loadConfig(request));
}

type Reload = () => Promise<
  { readonly config: Config } | { readonly faults: readonly string[] }
>;

/** Runs an agent until a signal ends it. */
export async function watch(
  config: Config,
  io: CommandIo,
  reload: Reload | undefined,
  onStarted: (agent: Agent) => Promise<void> = async () => {},
): Promise<number> {
  const log = await openLog(config.log_level);
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
    version: packageVersion(),
    log,
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
  manager.feedWatchdog();
  if (reload) process.on('SIGHUP', () => void reloadInto(agent, reload, manager));
  await onStarted(agent);
  const reason = await ended;
  manager.tell('STOPPING=1');
  manager.stop();
  await agent.stop(reason);
  return 0;
}

async function reloadInto(
  agent: Agent,
  reload: Reload,
  manager: ReturnType<typeof serviceManager>,
): Promise<void> {
  manager.tell('RELOADING=1');
  const loaded = await reload();
  if ('faults' in loaded) agent.reloadFailed(loaded.faults.join('; '));
  else agent.reload(loaded.config);
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

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        bus: { type: 'string' },
        config: { type: 'string' },
        listen: { type: 'string' },
        output: { type: 'string' },
        'or-demo': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const given = [
      { path: 'bus', flag: '--bus', text: values.bus },
      { path: 'listen', flag: '--listen', text: values.listen },
      { path: 'output.stdout', flag: '--output', text: values.output },
    ];
    return {
      file: values.config,
      overrides: given.filter((one): one is Override => one.text !== undefined),
      orDemo: values['or-demo'],
      help: values.help,
    };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { wrong: error.message.split('. ')[0] ?? '' };
  }
}
