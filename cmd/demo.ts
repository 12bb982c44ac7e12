import type { Agent } from '../src/agent.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Override } from '../src/config/setting.ts';
import { bootSystemd } from '../src/demo/boot.ts';
import { CannotBoot } from '../src/demo/requirements.ts';
import { demoUnits, startDemoServices } from '../src/demo/services.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, overridesOf, parseOptions, unexpected } from './options.ts';
import { watch } from './watch.ts';

const help = `Usage: unitwatch demo [--listen HOST:PORT|off] [--output ndjson|pretty|off]

Boots a throw-away systemd with misbehaving services in namespaces of its own,
and watches it. Needs root. Ctrl-C ends it all and leaves nothing behind.

Exit status: 0; 1 where it cannot run here; 2 where it was asked wrongly.
`;

/** `unitwatch demo`. @returns the exit status, when it has ended */
export async function demo(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) return askedWrongly('demo', asked.wrong, io);
  if (asked.help) {
    io.stdout.write(help);
    return 0;
  }
  try {
    return await bootAndWatch(asked.overrides, io);
  } catch (error) {
    if (!(error instanceof CannotBoot)) throw error;
    io.stderr.write(`unitwatch demo: ${error.message}\n`);
    return 1;
  }
}

async function bootAndWatch(overrides: readonly Override[], io: CommandIo): Promise<number> {
  const systemd = await bootSystemd({ units: demoUnits });
  try {
    const own = (path: string, text: string): Override => ({ path, text, flag: 'the demo' });
    const loaded = await loadConfig({
      env: {},
      // The demo is what it is, whatever the host's own agent is told.
      defaultFile: false,
      overrides: [
        own('bus', systemd.busAddress),
        own('cgroup_root', `${systemd.root}/sys/fs/cgroup`),
        own('proc_root', `${systemd.root}/proc`),
        // A minute's demonstration should show a leak, too.
        own('poll_interval', '2s'),
        ...overrides,
      ],
    });
    if ('faults' in loaded) {
      io.stderr.write(`${loaded.faults.join('\n')}\n`);
      return 2;
    }
    const onStarted = async (agent: Agent): Promise<void> => {
      const where = agent.address ? `http://${agent.address.host}:${agent.address.port}/` : 'off';
      io.stderr.write(`A throw-away systemd is up; metrics: ${where}; Ctrl-C ends it.\n`);
      await startDemoServices(systemd);
    };
    return await watch(loaded.config, io, { onStarted });
  } finally {
    await systemd.stop();
  }
}

interface Asked {
  readonly overrides: readonly Override[];
  readonly help: boolean;
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  const said = parseOptions(argv, {
    listen: { type: 'string' },
    output: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  const [word] = said.positionals;
  if (word !== undefined) return { wrong: unexpected(word) };
  const { listen, output, help: wantsHelp } = said.values;
  const overrides = overridesOf([
    { path: 'listen', flag: '--listen', text: listen },
    { path: 'output.stdout', flag: '--output', text: output },
  ]);
  return { overrides, help: wantsHelp };
}
