import { join } from 'node:path';
import { faultOfService, serviceSecrets } from '../src/checks/monitor-kinds.ts';
import { OwnSqlite, SqliteError } from '../src/checks/sqlite.ts';
import { type Answer, handleApi } from '../src/checks/subscriptions/api.ts';
import { channelsOf } from '../src/checks/subscriptions/channels.ts';
import { CallerLog } from '../src/checks/subscriptions/log.ts';
import { type FaultOf, migrations, Registry } from '../src/checks/subscriptions/registry.ts';
import {
  type Collection,
  type FieldSpec,
  joinKey,
  resourceTable,
} from '../src/checks/subscriptions/resources.ts';
import { reservedName } from '../src/config/check-names.ts';
import { formatDuration, parseDuration } from '../src/config/duration.ts';
import type { Config } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import { shown } from '../src/config/shown.ts';
import type { CommandIo } from './io.ts';
import { type Asked, askAgent } from './monitored-agent.ts';
import { logText } from './monitored-log.ts';
import { settingsAfter, settingsOf } from './monitored-settings.ts';
import { askedWrongly, parseOptions } from './options.ts';
import { tableText } from './table.ts';

const verbs = { add: 'POST', list: 'GET', update: 'PUT', remove: 'DELETE', log: 'GET' } as const;
type Verb = keyof typeof verbs;

/** `unitwatch services ...`. @returns the exit status */
export const services = command('services');
/** `unitwatch callers ...`. @returns the exit status */
export const callers = command('callers');
/** `unitwatch subscriptions ...`. @returns the exit status */
export const subscriptions = command('subscriptions');
/** `unitwatch outages ...`. @returns the exit status */
export const outages = command('outages');

/** All four are one: what differs stands in the table of resources. */
function command(collection: Collection) {
  return async (argv: readonly string[], io: CommandIo): Promise<number> => {
    const said = parseOptions(argv, {
      ...optionsOf(collection),
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    });
    if ('wrong' in said) return askedWrongly(collection, said.wrong, io);
    if (said.values['help'] === true) {
      io.stdout.write(helpOf(collection));
      return 0;
    }
    const asked = askedOf(collection, said.positionals, said.values);
    if (typeof asked === 'string') return askedWrongly(collection, asked, io);
    const { config: file, json } = said.values;
    const loaded = await loadConfig({
      file: typeof file === 'string' ? file : undefined,
      env: io.env,
    });
    if ('faults' in loaded) {
      io.stderr.write(`${loaded.faults.join('\n')}\n`);
      return 2;
    }
    return perform(collection, asked, loaded.config, json === true, io);
  };
}

async function perform(
  collection: Collection,
  asked: Asked,
  config: Config,
  json: boolean,
  io: CommandIo,
): Promise<number> {
  try {
    const answer = await answerTo(asked, config);
    if (answer.status < 300) {
      const isLog = asked.method === 'GET' && asked.path !== `/${collection}`;
      const inText = () => (isLog ? logText(answer.json) : textOf(collection, answer.json));
      io.stdout.write(json ? `${JSON.stringify(answer.json)}\n` : inText());
      return 0;
    }
    io.stderr.write(`unitwatch ${collection}: ${shown(sentenceOf(answer), 500)}\n`);
    return answer.status === 400 ? 2 : 1;
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error;
    io.stderr.write(`unitwatch ${collection}: ${shown(error.message, 500)}\n`);
    return 1;
  }
}

async function answerTo(asked: Asked, config: Config): Promise<Answer> {
  const ask = async (one: Asked): Promise<Answer> =>
    (await askAgent(one, config)) ?? (await edit(one, config));
  if (asked.method !== 'PUT' || !asked.body || !('settings' in asked.body)) return ask(asked);
  const before = await ask({ ...asked, method: 'GET', body: undefined });
  if (before.status !== 200) return before;
  return ask({ ...asked, body: settingsAfter(before.json, asked.body) });
}

/** In the file itself, which no agent has open then. */
async function edit({ method, path, body }: Asked, config: Config): Promise<Answer> {
  const file = await OwnSqlite.open({
    path: config.monitor.path ?? join(config.state_directory, 'monitor.sqlite'),
    migrations,
  });
  const { host, port, tls, from } = config.monitor.smtp;
  const channels = channelsOf(host === undefined ? undefined : { host, port, tls, from });
  try {
    const faultOf: FaultOf = (collection, record) => {
      if (!('kind' in record)) return undefined;
      if (collection === 'services') return faultOfService(record.kind, record.settings);
      const channel = channels.get(record.kind);
      const names = [...channels.keys()].join(', ');
      return channel ? channel.fault(record.settings) : `A caller's kind is one of ${names}.`;
    };
    const book = new Registry(file, {
      fault: faultOf,
      reserved: (name) => reservedName(config, name),
      nowUs: () => Date.now() * 1e3,
    });
    const secretsOf = (kind: string) => channels.get(kind)?.secrets ?? serviceSecrets[kind] ?? [];
    const logOf = (caller: string) => new CallerLog(file).of(caller);
    return handleApi({ book, logOf, secretsOf, allowCommands: true }, method, path, body);
  } finally {
    file.close();
  }
}

function sentenceOf({ status, json }: Answer): string {
  const error: unknown = typeof json === 'object' && json && 'error' in json ? json.error : '';
  if (typeof error === 'string' && error !== '') return error;
  return `The agent answers with status ${status}.`;
}

/** Fields that are options: all but the key, which is given by its place. */
function optionFields(collection: Collection): readonly (readonly [string, FieldSpec])[] {
  const { key, fields } = resourceTable[collection];
  return Object.entries(fields).filter(([name]) => !key.includes(name));
}

const optionName = (field: string, { type }: FieldSpec): string =>
  type === 'settings' ? 'set' : field.replaceAll('_', '-');

function optionsOf(collection: Collection): Record<string, { type: 'string'; multiple?: true }> {
  return Object.fromEntries(
    optionFields(collection).map(([name, spec]) => [
      optionName(name, spec),
      spec.type === 'settings' ? { type: 'string', multiple: true } : { type: 'string' },
    ]),
  );
}

/** Only callers have a log. */
function verbsOf(collection: Collection): readonly Verb[] {
  const all: readonly Verb[] = ['add', 'list', 'update', 'remove'];
  return collection === 'callers' ? [...all, 'log'] : all;
}

const listed = (words: readonly string[]): string =>
  `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

/** What is asked of the API, or in one sentence what is wrong. */
function askedOf(
  collection: Collection,
  [given, ...words]: readonly string[],
  values: Readonly<Record<string, unknown>>,
): Asked | string {
  const verb = verbsOf(collection).find((one) => one === given);
  if (!verb) {
    const known = listed(verbsOf(collection));
    return `${known}? (got ${given === undefined ? 'none' : shown(given)})`;
  }
  const { key } = resourceTable[collection];
  const wanted = verb === 'list' ? 0 : key.length;
  if (words.length !== wanted) {
    return wanted === 0
      ? 'list takes no name'
      : `${verb} takes ${key.map((one) => one.toUpperCase()).join(' and ')}`;
  }
  const fields = fieldsOf(collection, values);
  if (typeof fields === 'string') return fields;
  const method = verbs[verb];
  if (verb === 'list') return { method, path: `/${collection}`, body: undefined };
  if (verb === 'add') {
    const named = Object.fromEntries(key.map((name, place) => [name, words[place]]));
    return { method, path: `/${collection}`, body: { ...named, ...fields } };
  }
  if (verb === 'log')
    return { method, path: `/${collection}/${joinKey(words)}/log`, body: undefined };
  const body = verb === 'update' ? fields : undefined;
  return { method, path: `/${collection}/${joinKey(words)}`, body };
}

function fieldsOf(
  collection: Collection,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> | string {
  const fields: Record<string, unknown> = {};
  for (const [name, spec] of optionFields(collection)) {
    const value = values[optionName(name, spec)];
    if (value === undefined) continue;
    if (Array.isArray(value)) {
      const settings = settingsOf(value.map(String));
      if (typeof settings === 'string') return settings;
      fields[name] = settings;
    } else if (spec.type === 'seconds') {
      const ms = parseDuration(String(value));
      if (ms === undefined) return `--${optionName(name, spec)} takes a duration such as 10s or 5m`;
      fields[name] = ms / 1_000;
    } else fields[name] = value;
  }
  return fields;
}

function textOf(collection: Collection, json: unknown): string {
  if (!Array.isArray(json)) return 'done\n';
  if (json.length === 0) return `There are no ${collection}.\n`;
  const { fields } = resourceTable[collection];
  const names = Object.keys(fields);
  const rows = json.map((record: unknown) =>
    names.map((name) => cellOf(fields[name], Object(record)[name])),
  );
  return tableText(
    names.map((name) => name.toUpperCase()),
    rows,
  );
}

function cellOf(spec: FieldSpec | undefined, value: unknown): string {
  if (value === undefined || value === '') return '-';
  if (spec?.type === 'seconds') return formatDuration(Math.round(Number(value) * 1_000));
  return shown(typeof value === 'string' ? value : JSON.stringify(value), 120);
}

function helpOf(collection: Collection): string {
  const { key, fields } = resourceTable[collection];
  const words = key.join(' ').toUpperCase();
  const rows = Object.entries(fields).map(([name, spec]) => {
    const option = key.includes(name) ? name.toUpperCase() : `--${optionName(name, spec)}`;
    const instead = spec.instead === undefined || spec.instead === '' ? '' : ` (${spec.instead})`;
    return `  ${option.padEnd(20)} ${spec.doc}${instead}\n`;
  });
  return `Usage: unitwatch ${collection} add ${words} [OPTION...]
       unitwatch ${collection} update ${words} [OPTION...]
       unitwatch ${collection} remove ${words}
       unitwatch ${collection} list
${collection === 'callers' ? `       unitwatch callers log ${words}\n` : ''}
Over the API of the agent that runs; where none does, in its file.

${rows.join('')}  ${'--config FILE'.padEnd(20)} read this configuration
  ${'--json'.padEnd(20)} print JSON
  ${'--help'.padEnd(20)} print this text

What is there already is changed with update, which leaves everything that is
not named as it is; --set NAME= takes a setting out. Exit status: 0, 1 where it did
not work, 2 where the configuration or the command line is wrong.
`;
}
