import { parseDuration } from '../src/config/duration.ts';
import { shown } from '../src/config/shown.ts';
import type { UnitVerb } from '../src/model/unit-control.ts';
import { confirm, isAtTerminal } from './confirm.ts';
import { control, timeoutDefaultMs } from './control.ts';
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
