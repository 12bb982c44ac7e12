import { printable } from '../src/outputs/terminal-text.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions, unexpected } from './options.ts';
import { openSite, show, statusOf } from './status.ts';
import { look } from './status-look.ts';
import { isDownCheck, isDownService, type Told } from './status-told.ts';

const help = `Usage: unitwatch check [HOST] [--json] [--quiet] [--bus BUS] [--config FILE]

Looks at every component, check and unit once, and shows what unitwatch status
shows. The running agent is asked to look; where there is none, or HOST is named,
the processes are looked at here.

  --json         print JSON
  --quiet        print only what is down, one name a line
  --bus BUS      ask no agent, read the units of: system, user, or an address
  --config FILE  configuration instead of /etc/unitwatch/unitwatch.yaml
  --help         print this text

Exit status: 0; 1 where something is down or nothing could be looked at; 2 where
the command line or the configuration is wrong.
`;

/** `unitwatch check`. @returns the exit status */
export async function check(argv: readonly string[], io: CommandIo): Promise<number> {
  const said = parseOptions(argv, {
    json: { type: 'boolean', default: false },
    quiet: { type: 'boolean', short: 'q', default: false },
    bus: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return askedWrongly('check', said.wrong, io);
  const { values, positionals } = said;
  if (values.help) {
    io.stdout.write(help);
    return 0;
  }
  const [host, more] = positionals;
  if (more !== undefined) return askedWrongly('check', unexpected(more), io);
  const opened = await openSite('check', io, { ...values, host });
  if (typeof opened === 'number') return opened;
  const { site } = opened;
  try {
    const seen = await look({ ...opened, hostNamed: host !== undefined, refresh: true });
    if (!values.quiet) return show(seen, opened.config, { all: false, json: values.json }, io);
    io.stdout.write(namesDown(seen.told));
    return statusOf(seen);
  } finally {
    site.close();
  }
}

function namesDown({ services, checks }: Told): string {
  const names = [...checks.filter(isDownCheck), ...services.filter(isDownService)];
  return names.map(({ name }) => `${printable(name)}\n`).join('');
}
