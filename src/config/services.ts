import { closeEdit, openForEdit } from './edit-file.ts';
import { httpKeys, tcpKeys } from './endpoint-keys.ts';
import type { FileRead } from './file.ts';
import type { Key } from './key.ts';
import type { Config } from './keys.ts';
import { rawOfText } from './raw.ts';
import { compileRegexes, convertEntry, nameFault, newReading } from './records.ts';
import type { Faults, NewText } from './rewrite.ts';
import { type ServiceRow, serviceRows } from './service-rows.ts';
import { quoted, shown } from './shown.ts';
import { wording } from './text.ts';
import { type Edited, removeEntry, setFields } from './yaml-edit.ts';
import type { Field } from './yaml-piece.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a command line says of a service, as it was written there. */
export interface ServiceOptions {
  readonly regex?: string | undefined;
  /** Seconds. */
  readonly interval?: string | undefined;
  /** Seconds. */
  readonly timeout?: string | undefined;
}
export interface NewService extends ServiceOptions {
  readonly url: string;
  readonly method: string;
  readonly checkRegex: boolean;
  /** Its host and path where undefined. */
  readonly name?: string | undefined;
}
export interface ServiceUpdate extends ServiceOptions {
  readonly toggleCheckRegex: boolean;
}

/** A file with one service edited. */
export interface EditedService extends NewText {
  /** As it is afterwards; one that was removed as it was. */
  readonly row: ServiceRow;
}

/** Adds an HTTP service behind the others. */
export async function addService(
  file: FileRead,
  asked: NewService,
  env: Environment,
): Promise<EditedService | Faults> {
  const opened = await openForEdit(file, env);
  if ('faults' in opened) return opened;
  const { checkRegex } = asked;
  const values = await valuesOf([
    ['url', httpKeys.url, 'URL', asked.url],
    ['method', httpKeys.method, 'METHOD', asked.method.toUpperCase()],
    ...optionValues('http', asked),
  ]);
  if ('faults' in values) return values;
  if (checkRegex && asked.regex === undefined) {
    return { faults: ['--check-regex: there is no regex to check; give one with --regex'] };
  }
  const name = nameFor(opened.config, asked);
  if (typeof name !== 'string') return name;
  const check: readonly Field[] = checkRegex ? [['check_regex', true]] : [];
  const fields: readonly Field[] = [...values.fields, ...check];
  const edited = await setFields(file.text, ['checks', 'http', name], fields);
  return closed(file, edited, env, name);
}

/** Changes the service of a name: numbers move when others edit the file, too. */
export async function updateService(
  file: FileRead,
  name: string,
  asked: ServiceUpdate,
  env: Environment,
): Promise<EditedService | Faults> {
  const row = await findService(file, name, env);
  if ('faults' in row) return row;
  const { kind, number, checkRegex } = row;
  const hasRegex = asked.regex ?? row.regex;
  if (kind === 'tcp' && (asked.toggleCheckRegex || asked.regex !== undefined)) {
    return { faults: [`service ${number} is a TCP service, which has no body and no regex`] };
  }
  if (asked.toggleCheckRegex && !checkRegex && hasRegex === undefined) {
    return { faults: [`service ${number} has no regex to check; give one with --regex`] };
  }
  const values = await valuesOf(optionValues(kind, asked));
  if ('faults' in values) return values;
  const check: readonly Field[] = asked.toggleCheckRegex ? [['check_regex', !checkRegex]] : [];
  const edited = await setFields(file.text, ['checks', kind, name], [...values.fields, ...check]);
  return closed(file, edited, env, name);
}

/** Takes the service of a name out of the file. */
export async function removeService(
  file: FileRead,
  name: string,
  env: Environment,
): Promise<EditedService | Faults> {
  const row = await findService(file, name, env);
  if ('faults' in row) return row;
  const edited = await removeEntry(file.text, ['checks', row.kind, name]);
  const done = await closeEdit(file, edited, env);
  return 'faults' in done ? done : { text: done.text, row };
}

/** The service that a number stands for. */
export function serviceAt(
  rows: readonly ServiceRow[],
  word: string,
): ServiceRow | { readonly fault: string } {
  const row = /^\d{1,9}$/.test(word) ? rows[Number(word) - 1] : undefined;
  if (row) return row;
  const known = rows.length === 0 ? 'there are none' : `there are 1 to ${rows.length}`;
  return { fault: `there is no service ${shown(word)}: ${known}, see services show --numbered` };
}

async function findService(
  file: FileRead,
  name: string,
  env: Environment,
): Promise<ServiceRow | Faults> {
  const opened = await openForEdit(file, env);
  if ('faults' in opened) return opened;
  const row = serviceRows(opened.config).find((one) => one.name === name);
  return row ?? { faults: [`${shown(name, 200)} was removed by somebody else meanwhile`] };
}

async function closed(
  file: FileRead,
  edited: Edited,
  env: Environment,
  name: string,
): Promise<EditedService | Faults> {
  const done = await closeEdit(file, edited, env);
  if ('faults' in done) return done;
  const row = serviceRows(done.config).find((one) => one.name === name);
  return row ? { text: done.text, row } : { faults: [`${shown(name, 200)} is not there`] };
}

/** A key and its name, how the command line calls it, and what it was given there. */
type Given = readonly [name: string, key: Key, option: string, text: string | undefined];

function optionValues(kind: 'tcp' | 'http', { regex, interval, timeout }: ServiceOptions): Given[] {
  const isHttp = kind === 'http';
  return [
    ['regex', httpKeys.regex, '--regex', regex],
    isHttp
      ? ['interval_sec', httpKeys.interval_sec, '--interval', interval]
      : ['interval', tcpKeys.interval, '--interval', interval],
    ['timeout', isHttp ? httpKeys.timeout : tcpKeys.timeout, '--timeout', timeout],
  ];
}

/** Texts as the values of their keys: each is judged as if it stood in the file. */
async function valuesOf(
  given: readonly Given[],
): Promise<{ readonly fields: readonly Field[] } | Faults> {
  const faults: string[] = [];
  const fields: Field[] = [];
  const reading = newReading({ env: {}, uid: -1, home: '' });
  for (const [name, key, option, text] of given) {
    if (text === undefined) continue;
    const isSeconds = key.type === 'duration' && /^\d+$/.test(text);
    const raw = rawOfText(key, isSeconds ? `${text}s` : text);
    convertEntry(key, raw, (wrong) => faults.push(`${option} ${wording(key, wrong)}`), reading);
    fields.push([name, raw.kind === 'number' ? raw.value : `${text}${isSeconds ? 's' : ''}`]);
  }
  await compileRegexes(reading);
  return faults.length > 0 ? { faults } : { fields };
}

/** The longest name that is made of a URL; a longer one is cut. */
const madeNameMax = 200;

/** The name that was asked for, or one out of the URL without its query: it stands in events. */
function nameFor({ checks }: Config, asked: NewService): string | Faults {
  const taken = new Set(
    [checks.components, checks.tcp, checks.http].flatMap((one) => [...one.keys()]),
  );
  if (asked.name !== undefined) {
    const wrong = nameFault(asked.name);
    if (wrong) return { faults: [`--name would make ${wrong}`] };
    if (!taken.has(asked.name)) return asked.name;
    return { faults: [`--name: ${quoted(asked.name)} is the name of another check already`] };
  }
  const method = asked.method.toUpperCase();
  const same = serviceRows({ checks }).find(
    (row) => row.target === asked.url && row.method === method,
  );
  if (same) {
    const what = `service ${same.number} asks this URL with this method already`;
    return { faults: [`${what}; change it with update, or give this one a --name`] };
  }
  const { host, pathname } = new URL(asked.url);
  const made = (host + pathname).replace(/\/+$/, '').slice(0, madeNameMax);
  const names = [made, `${made} ${method}`];
  for (let i = 2; i <= taken.size + 2; i++) names.push(`${made} ${i}`);
  return names.find((name) => !taken.has(name)) ?? made;
}
