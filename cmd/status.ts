import { parseDuration } from '../src/config/duration.ts';
import type { Config } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import { shown } from '../src/config/shown.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, overridesOf, parseOptions, unexpected } from './options.ts';
import { Site } from './platform-site.ts';
import { type Look, look } from './status-look.ts';
import { rowsOf } from './status-rows.ts';
import { type Terminal, tableLines, terminalOf } from './status-table.ts';
import { isDown } from './status-told.ts';
import { redraw } from './status-watch.ts';

const help = `Usage: unitwatch status [HOST] [--all] [--json] [--watch] [--interval TIME]
                        [--bus BUS] [--config FILE]

Shows components, checks, open findings and services in one table, problems
first. Of the services those of service_whitelist, or else those with a problem
and a count of the others. The running agent is asked; where there is none, the
units and processes are looked at here.

HOST picks the list of components that the configuration has for it; they are
looked for on this machine. Without it the list is this host's own.

  --all            all services
  --json           print JSON, as /api/status of the agent
  --watch          look again and again; q, Ctrl-C and SIGTERM end it
  --interval TIME  how often (default 2s, from 500ms on)
  --bus BUS        ask no agent, read the units of: system, user, or an address
  --config FILE    configuration instead of /etc/unitwatch/unitwatch.yaml
  --help           print this text

Exit status: 0; 1 where something is down or nothing could be looked at; 2 where
the command line or the configuration is wrong.
`;

/** A look costs some 10 ms of CPU, and more on a large host. */
const intervalMinMs = 500;

/** `unitwatch status`. @returns the exit status */
export async function status(argv: readonly string[], io: CommandIo): Promise<number> {
  const said = parseOptions(argv, {
    all: { type: 'boolean', short: 'a', default: false },
    json: { type: 'boolean', default: false },
    watch: { type: 'boolean', short: 'w', default: false },
    interval: { type: 'string', default: '2s' },
    bus: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return askedWrongly('status', said.wrong, io);
  const { values, positionals } = said;
  if (values.help) {
    io.stdout.write(help);
    return 0;
  }
  const [host, more] = positionals;
  if (more !== undefined) return askedWrongly('status', unexpected(more), io);
  const intervalMs = parseDuration(values.interval) ?? 0;
  if (intervalMs < intervalMinMs || intervalMs > 86_400_000) {
    const wrong = `--interval is a time such as 2s, from 500ms to 1d (got ${shown(values.interval)})`;
    return askedWrongly('status', wrong, io);
  }
  const opened = await openSite('status', io, { ...values, host });
  if (typeof opened === 'number') return opened;
  const { site, config, alone } = opened;
  const options = { site, config, hostNamed: host !== undefined, alone, refresh: false };
  try {
    if (!values.watch) return show(await look(options), config, values, io);
    const lines = async (terminal: Terminal) => {
      const seen = await look(options);
      const text = values.json
        ? [JSON.stringify(seen.told)]
        : linesOf(seen, config, values.all, terminal);
      return { lines: text, status: statusOf(seen) };
    };
    return await redraw(lines, intervalMs, io, values.json);
  } finally {
    site.close();
  }
}

/** What the commands that look at a host begin with; a number is the exit status. */
export async function openSite(
  command: string,
  io: CommandIo,
  asked: {
    readonly host?: string | undefined;
    readonly bus?: string | undefined;
    readonly config?: string | undefined;
  },
): Promise<{ site: Site; config: Config; alone: boolean } | number> {
  const overrides = overridesOf([{ path: 'bus', flag: '--bus', text: asked.bus }]);
  const loaded = await loadConfig({ file: asked.config, env: io.env, overrides });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  const site = Site.open(loaded.config, io, asked.host);
  if (site instanceof Site) {
    return { site, config: loaded.config, alone: asked.bus !== undefined };
  }
  io.stderr.write(`unitwatch ${command}: ${site.wrong}\n`);
  return 2;
}

/** Writes what was seen. @returns the exit status */
export function show(
  seen: Look,
  config: Config,
  { all, json }: { readonly all: boolean; readonly json: boolean },
  io: CommandIo,
): number {
  if (json) {
    io.stdout.write(`${JSON.stringify(seen.told, undefined, 2)}\n`);
    for (const note of seen.notes) io.stderr.write(`${shown(note, 1_000)}\n`);
  } else {
    const lines = linesOf(seen, config, all, terminalOf(io.stdout, io.env));
    io.stdout.write(`${lines.join('\n')}\n`);
  }
  return statusOf(seen);
}

function linesOf(
  { told, notes }: Look,
  config: Config,
  all: boolean,
  terminal: Terminal,
): readonly string[] {
  const chosen = rowsOf(told, config.service_whitelist, all);
  return tableLines(told, chosen, notes, terminal, Date.now());
}

export function statusOf({ told, isBlind }: Look): number {
  return isBlind || isDown(told) ? 1 : 0;
}
