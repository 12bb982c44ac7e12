import { homedir } from 'node:os';
import { loadConfig } from '../src/config/load.ts';
import { shown } from '../src/config/shown.ts';
import { storeSettings } from '../src/config/store-settings.ts';
import { humanDuration } from '../src/model/time.ts';
import { StoreError } from '../src/outputs/store/contract.ts';
import { exportOnce, noPostgres } from '../src/outputs/store/export-once.ts';
import {
  initPostgres,
  type Partitioning,
  partitionings,
} from '../src/outputs/store/init-postgres.ts';
import { Postgres } from '../src/outputs/store/postgres.ts';
import { type StoreStatus, storeStatus } from '../src/outputs/store/status.ts';
import type { StoreSettings } from '../src/outputs/store/store.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions, unexpected } from './options.ts';

const help = `Usage: unitwatch store init [--partition none|day|month] [--grant ROLE]
       unitwatch store status
       unitwatch store export-once

Results and events on disk, and in the PostgreSQL of the configuration (store:).

init         create the schema unitwatch in PostgreSQL, or bring it up to date,
             and make the next partitions; harmless when it is done again
status       say what waits, what was moved and what was lost
export-once  move everything that waits to PostgreSQL; an agent that runs does
             so by itself, and is not disturbed

  --partition HOW  how new tables are partitioned by time (default none)
  --grant ROLE     let this role of PostgreSQL write rows and read them
  --config FILE    read this file instead of /etc/unitwatch/unitwatch.yaml
                   (or of the one that UNITWATCH_CONFIG names)
  --json           print JSON
  --help           print this text

Exit status: 0, 1 where it did not work, 2 where the configuration or the
command line is wrong.
`;

const verbs = ['init', 'status', 'export-once'] as const;

interface Asked {
  readonly verb: (typeof verbs)[number] | 'help';
  readonly file: string | undefined;
  readonly json: boolean;
  /** Undefined: not said, which is none for new tables. */
  readonly partition: Partitioning | undefined;
  readonly grant: string | undefined;
}

/** `unitwatch store ...`. @returns the exit status */
export async function store(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) return askedWrongly('store', asked.wrong, io);
  if (asked.verb === 'help') {
    io.stdout.write(help);
    return 0;
  }
  const loaded = await loadConfig({ file: asked.file, env: io.env });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  try {
    const home = io.env['HOME'] || homedir();
    const around = { env: io.env, uid: process.getuid?.() ?? -1, home };
    return await perform(asked, await storeSettings(loaded.config, around), io);
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof TypeError)) throw error;
    io.stderr.write(`unitwatch store: ${error.message}\n`);
    return error instanceof TypeError ? 2 : 1;
  }
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  const said = parseOptions(argv, {
    config: { type: 'string' },
    json: { type: 'boolean', default: false },
    partition: { type: 'string' },
    grant: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  const { config: file, json, partition, grant, help: wantsHelp } = said.values;
  if (wantsHelp) return { verb: 'help', file, json, partition: undefined, grant };
  return choose(said.positionals, { file, json, grant, partition });
}

function choose(
  [given, ...more]: readonly string[],
  options: Pick<Asked, 'file' | 'json' | 'grant'> & { readonly partition: string | undefined },
): Asked | { readonly wrong: string } {
  const verb = verbs.find((one) => one === given);
  if (verb === undefined) {
    return { wrong: `init, status or export-once? (got ${given ? shown(given) : 'none'})` };
  }
  if (more[0] !== undefined) return { wrong: unexpected(more[0]) };
  const { partition, grant } = options;
  const how = partitionings.find((one) => one === partition);
  if (how !== partition) return { wrong: `--partition is none, day or month` };
  if (verb !== 'init' && (options.partition !== undefined || grant !== undefined)) {
    return { wrong: `--partition and --grant belong to init` };
  }
  return { ...options, verb, partition: how };
}

type Say = (text: string, data: unknown) => void;

async function perform(asked: Asked, settings: StoreSettings, io: CommandIo): Promise<number> {
  const say: Say = (text, data) => {
    io.stdout.write(asked.json ? `${JSON.stringify(data)}\n` : `${text}\n`);
  };
  if (asked.verb === 'init') return initialise(asked, settings, say, io);
  if (asked.verb === 'export-once') return moveOnce(settings, say, io);
  const status = await storeStatus(settings);
  say(statusText(status), status);
  return isWell(status) ? 0 : 1;
}

/** Nothing has to be done by anybody. */
function isWell({ local, postgres }: StoreStatus): boolean {
  if ('error' in local) return false;
  if (postgres === undefined) return true;
  return !('error' in postgres) && postgres.version >= postgres.wantedVersion;
}

async function initialise(asked: Asked, settings: StoreSettings, say: Say, io: CommandIo) {
  const done = await init(settings, asked);
  const change = done.from === done.to ? 'is up to date' : `was made or updated`;
  const made = done.partitions.length > 0 ? `, new partitions: ${done.partitions.length}` : '';
  say(`The schema unitwatch ${change} (version ${done.to})${made}.`, done);
  if (asked.partition === undefined || asked.partition === done.partitioned) return 0;
  const as = done.partitioned === 'none' ? 'without partitions' : `by ${done.partitioned}`;
  io.stderr.write(
    `unitwatch store: The tables were made ${as} and stay so: --partition is for new ones.\n`,
  );
  return 1;
}

async function moveOnce(settings: StoreSettings, say: Say, io: CommandIo): Promise<number> {
  const { exported, rejected, error } = await exportOnce(settings, {
    clock: {
      realtimeUs: () => Date.now() * 1_000,
      monotonicUs: () => performance.now() * 1_000,
    },
    random: Math.random,
  });
  const refused = rejected > 0 ? `, ${rejected} were refused` : '';
  say(`${exported} rows were moved${refused}.`, { exported, rejected, error: error?.message });
  if (error) io.stderr.write(`unitwatch store: ${error.message}\n`);
  return error ? 1 : 0;
}

async function init({ postgres: given }: StoreSettings, { partition, grant }: Asked) {
  if (given === undefined) throw noPostgres();
  const postgres = new Postgres(given);
  try {
    return await initPostgres(postgres, { partition: partition ?? 'none', grant });
  } finally {
    await postgres.close();
  }
}

function statusText({ local, postgres }: StoreStatus): string {
  return [...localLines(local), ...postgresLines(postgres)].join('\n');
}

function localLines(local: StoreStatus['local']): string[] {
  if ('error' in local) return [`local     ${local.error}`];
  const { path, fileBytes, waiting, oldestUs, totals, lastRejected } = local;
  const age =
    oldestUs === undefined
      ? ''
      : `, the oldest for ${humanDuration(Date.now() * 1_000 - oldestUs)}`;
  const rejected = lastRejected && `${shown(lastRejected.reason, 200)}`;
  return [
    `local     ${shown(path, 200)}, ${(fileBytes / 1_048_576).toFixed(1)} MiB`,
    `waiting   ${waiting}${age}`,
    `written   ${totals.written}`,
    `exported  ${totals.exported}`,
    `lost      ${totals.lost_size} over max_size, ${totals.lost_age} over max_age, ${totals.rejected} refused by PostgreSQL`,
    ...(rejected === undefined ? [] : [`refused   ${rejected}`]),
  ];
}

function postgresLines(postgres: StoreStatus['postgres']): string[] {
  if (postgres === undefined) return ['postgres  not configured'];
  if ('error' in postgres) return [`postgres  ${postgres.error}`];
  const { name, version, wantedVersion, rowsEstimated } = postgres;
  const old = version < wantedVersion ? ': run unitwatch store init' : '';
  return [
    `postgres  ${shown(name, 200)}, about ${rowsEstimated} rows, schema version ${version}${old}`,
  ];
}
