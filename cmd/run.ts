import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config/load.ts';
import type { Override } from '../src/config/setting.ts';
import { systemdRuns } from '../src/demo/systemd-host.ts';
import type { CommandIo } from './io.ts';
import { watch } from './watch.ts';

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
    // The demo has a bus of its own; the other options mean the same there.
    const same = asked.overrides.filter(({ path }) => path !== 'bus');
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
  return watch(loaded.config, io, async () => loadConfig(request));
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
