import { loadConfig } from '../src/config/load.ts';
import type { Override } from '../src/config/setting.ts';
import { systemdRuns } from '../src/demo/systemd-host.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, overridesOf, parseOptions, unexpected } from './options.ts';
import { verbosityMax } from './verbose-log.ts';
import { watch } from './watch.ts';

const help = `Usage: unitwatch run [--bus system|user|off|ADDRESS] [--config FILE]
                     [--listen HOST:PORT|off] [--output ndjson|pretty|off]

Watches the services of a systemd: events to standard output, metrics on
http://127.0.0.1:9753/metrics, logs to standard error.

  --bus WHICH      system (default), user, a D-Bus address, or off: watch no units
  --config FILE    configuration instead of /etc/unitwatch/unitwatch.yaml
  --listen WHERE   where /metrics is served; off for nowhere
  --output FORM    ndjson, pretty (default on a terminal), or off
  -v ... -vvvvv    more of the agent's own log, each more than the one before:
                   the settings and services in effect, each probe, each event,
                   each change of a unit, each look at what a unit uses
  --notify-systemd, --yes
                   understood, and without effect: systemd is told anyway
                   where it listens, and nothing is asked
  --or-demo        on a machine without systemd, run the demo instead
  --help           print this text

SIGHUP reloads the configuration, SIGTERM and SIGINT end it.
Exit status: 0; 1 where it cannot run here; 2 where it was asked wrongly.
`;

/** By the number of -v. */
const logLevels = [undefined, 'debug', 'trace'] as const;

interface Asked {
  readonly file: string | undefined;
  readonly overrides: readonly Override[];
  readonly orDemo: boolean;
  /** Number of -v. */
  readonly verbosity: number;
  readonly help: boolean;
}

/** `unitwatch run`. @returns the exit status, when the agent has ended */
export async function run(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) return askedWrongly('run', asked.wrong, io);
  if (asked.help) {
    io.stdout.write(help);
    return 0;
  }
  if (asked.orDemo && !systemdRuns()) {
    io.stderr.write('This machine does not run systemd: booting a throw-away one to watch.\n');
    const { demo } = await import('./demo.ts');
    // The demo has a bus of its own; --listen and --output mean the same there.
    const same = asked.overrides.filter(({ path }) => path !== 'bus' && path !== 'log_level');
    return demo(
      same.flatMap(({ flag, text }) => [flag, text]),
      io,
    );
  }
  const request = { file: asked.file, env: io.env, overrides: asked.overrides };
  const loaded = await loadConfig(request);
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  const { verbosity } = asked;
  return watch(loaded.config, io, { reload: async () => loadConfig(request), verbosity });
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  const said = parseOptions(argv, {
    bus: { type: 'string' },
    config: { type: 'string' },
    listen: { type: 'string' },
    output: { type: 'string' },
    verbose: { type: 'boolean', short: 'v', multiple: true },
    'notify-systemd': { type: 'boolean' },
    yes: { type: 'boolean', short: 'y' },
    'or-demo': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  const [word] = said.positionals;
  if (word !== undefined) return { wrong: unexpected(word) };
  const { values } = said;
  const verbosity = values.verbose?.length ?? 0;
  if (verbosity > verbosityMax) return { wrong: `at most ${verbosityMax} times -v` };
  const overrides = overridesOf([
    { path: 'bus', flag: '--bus', text: values.bus },
    { path: 'listen', flag: '--listen', text: values.listen },
    { path: 'output.stdout', flag: '--output', text: values.output },
    { path: 'log_level', flag: '-v', text: logLevels[Math.min(verbosity, 2)] },
  ]);
  return {
    file: values.config,
    overrides,
    orDemo: values['or-demo'],
    verbosity,
    help: values.help,
  };
}
