import { parseDuration } from '../src/config/duration.ts';
import { shown } from '../src/config/shown.ts';
import { timeoutDefaultMs } from '../src/control.ts';
import type { UnitVerb } from '../src/model/unit-control.ts';
import { confirm, isAtTerminal } from './confirm.ts';
import { control } from './control.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions } from './options.ts';
import { openSite } from './status.ts';

/** The longest that anybody waits for a start or a stop. */
const timeoutMaxMs = 86_400_000;

/** Milliseconds of a `--timeout`; undefined where it is none. */
export function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return timeoutDefaultMs;
  const ms = parseDuration(text);
  return ms !== undefined && ms > 0 && ms <= timeoutMaxMs ? ms : undefined;
}

export const wrongTimeout = '--timeout is a time such as 30s or 5m, up to a day';

/** The help of a command: what it says of itself and its own options, with what is common to all. */
export function controlHelp(usage: string, says: string, options = ''): string {
  const [verb = '', ...own] = usage.split(' ');
  return `Usage: unitwatch ${[verb, 'NAME', ...own].join(' ')} [--timeout TIME] [--host HOST]
                        [--bus BUS] [--config FILE]

${says}NAME may have spaces; in quotes or not.

${options}  --timeout TIME   for each step (default 2m); what was begun goes on then
  --host HOST      the list of components of that host; they are on this machine
  --bus BUS        systemd's bus: system, user, or an address
  --config FILE    configuration instead of /etc/unitwatch/unitwatch.yaml
  --help           print this text

Exit status: 0; 1 where it did not work; 2 where the command line or the
configuration is wrong.
`;
}

/** `unitwatch start|stop|restart NAME`. @returns the exit status */
export async function controlCommand(
  verb: UnitVerb,
  help: string,
  argv: readonly string[],
  io: CommandIo,
): Promise<number> {
  const said = parseOptions(argv, {
    yes: { type: 'boolean', short: 'y', default: false },
    all: { type: 'boolean', short: 'a', default: false },
    timeout: { type: 'string', short: 't' },
    host: { type: 'string' },
    bus: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return askedWrongly(verb, said.wrong, io);
  const { values, positionals } = said;
  if (values.help) {
    io.stdout.write(help);
    return 0;
  }
  if (positionals.length === 0) return askedWrongly(verb, 'name a component or a unit', io);
  if (values.all && verb !== 'stop') return askedWrongly(verb, "Unknown option '--all'", io);
  const timeoutMs = timeoutOf(values.timeout);
  if (timeoutMs === undefined) {
    return askedWrongly(verb, `${wrongTimeout} (got ${shown(values.timeout ?? '')})`, io);
  }
  const opened = await openSite(verb, io, values);
  if (typeof opened === 'number') return opened;
  const { site, config } = opened;
  try {
    return await control(
      { verb, name: positionals.join(' '), yes: values.yes, all: values.all, timeoutMs },
      {
        ...{ site, config, io, source: { bus: values.bus, config: values.config } },
        signal: new AbortController().signal,
        confirm: isAtTerminal() ? confirm : undefined,
      },
    );
  } finally {
    site.close();
  }
}
