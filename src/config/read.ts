import { environmentSettings, overrideSettings } from './environment.ts';
import { type FileSettings, fileSettings } from './file-settings.ts';
import { isIni } from './ini.ts';
import {
  type ConfigOf,
  defaultOf,
  isKey,
  type Key,
  type KeyTable,
  keysOf,
  type Surroundings,
} from './key.ts';
import { readLegacy } from './legacy.ts';
import { legacyTree } from './legacy-tree.ts';
import { offsetAt, place } from './place.ts';
import { compileRegexes, convertEntry, newReading, type Reading } from './records.ts';
import { chmod, holdsSecret, type ReadSecret, resolveSecrets } from './secret-files.ts';
import type { Givens, Origins, Override, Setting } from './setting.ts';
import { shown } from './shown.ts';
import { segment, type Wrong, wording } from './text.ts';
import { type Parsed, parseYaml } from './yaml.ts';

/** Told one by one; a file with more faults than this is not the file that was meant. */
const MAX_FAULTS = 50;

export interface ConfigFile {
  readonly name: string;
  readonly text: string;
  /** Every user of the machine may read it. */
  readonly worldReadable: boolean;
}

/** Everything a configuration is made of. */
export interface Inputs<T extends KeyTable> {
  readonly file?: ConfigFile | undefined;
  readonly around: Surroundings;
  readonly overrides: readonly Override[];
  readonly readSecret: ReadSecret;
  /** Finds values that do not go together. */
  readonly clashes?: ((config: ConfigOf<T>) => Promise<readonly Clash[]>) | undefined;
}

/** Values of which each is right, and which do not go together. */
export interface Clash {
  /** The names on the way to the place where it is to be mended. */
  readonly path: readonly string[];
  /** What is wrong, after the path and a colon. */
  readonly text: string;
}

export type Outcome<T extends KeyTable> =
  | {
      readonly config: ConfigOf<T>;
      readonly origins: Origins;
      /** What the user should know of his file, one sentence each. */
      readonly notes: readonly string[];
    }
  | { readonly faults: readonly string[] };

/**
 * The effective configuration: command line over environment over file over default. Every fault
 * of every source is found in one go. Reads nothing itself: texts come in, and a way to secrets.
 */
export async function readConfig<const T extends KeyTable>(
  table: T,
  inputs: Inputs<T>,
): Promise<Outcome<T>> {
  const givens: Givens = new Map();
  const reading = newReading(inputs.around);
  const file = inputs.file ? await openFile(table, inputs.file) : undefined;
  const inFile = file ? await takeFile(file, givens, reading) : [];
  const environment = environmentSettings(table, inputs.around.env);
  const inTexts: string[] = [];
  const texts = [...environment.settings, ...overrideSettings(table, inputs.overrides)];
  for (const setting of texts) {
    take(setting, setting.where, givens, reading, (text) =>
      inTexts.push(`${setting.where}: ${text}`),
    );
  }
  await compileRegexes(reading);
  const inSecrets = await resolveSecrets(table, givens, inputs.around.env, inputs.readSecret);
  const faults = [...inFile, ...environment.faults, ...inTexts, ...inSecrets];
  if (faults.length > 0) return { faults: limited(faults) };
  const config = build(table, givens, inputs.around) as ConfigOf<T>;
  const origins = originsOf(table, givens);
  const clashes = (await inputs.clashes?.(config)) ?? [];
  if (clashes.length > 0) {
    return { faults: limited(clashes.map((clash) => clashText(clash, file, origins))) };
  }
  return { config, origins, notes: file?.parsed.notes ?? [] };
}

function limited(faults: readonly string[]): readonly string[] {
  if (faults.length <= MAX_FAULTS) return faults;
  return [...faults.slice(0, MAX_FAULTS), `... and ${faults.length - MAX_FAULTS} more faults`];
}

/** A file with what its keys were given. */
interface OpenFile extends ConfigFile, FileSettings {
  readonly parsed: Parsed;
}

async function openFile(table: KeyTable, file: ConfigFile): Promise<OpenFile> {
  const { name, text } = file;
  const parsed = isIni(name, text) ? legacyTree(readLegacy(text)) : await parseYaml(text);
  const found = parsed.root ? fileSettings(table, parsed.root) : { settings: [], faults: [] };
  return { ...file, ...found, parsed };
}

async function takeFile(file: OpenFile, givens: Givens, reading: Reading): Promise<string[]> {
  const { parsed, settings } = file;
  const faults = [...parsed.faults, ...file.faults];
  for (const setting of settings) {
    const { raw, offset = 0, path } = setting;
    take(setting, `${file.name}:${place(file.text, offset)}`, givens, reading, (text, wrong) => {
      const at = wrong?.raw.offset ?? raw.offset ?? offset;
      faults.push({ offset: at, text: `${nameIn(file, path + (wrong?.path ?? ''))}: ${text}` });
    });
  }
  await compileRegexes(reading);
  const told = faults
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, text }, i) => (i < MAX_FAULTS ? located(file, offset, text) : text));
  const plain = settings.find(
    ({ path, key }) => key.type === 'secret' || holdsSecret(givens.get(path)?.value),
  );
  return file.worldReadable && plain
    ? [...told, worldReadable(file.name, nameIn(file, plain.path))]
    : told;
}

function located(file: ConfigFile, offset: number, text: string): string {
  return `${shown(file.name, 200)}:${place(file.text, offset)}: ${text}`;
}

/** What the file calls the key at a path. */
function nameIn({ parsed }: OpenFile, path: string): string {
  return parsed.names?.get(path) ?? path;
}

/** The fault of values that do not go together, with its place where a file says one of them. */
function clashText(clash: Clash, file: OpenFile | undefined, origins: Origins): string {
  const setting = file?.settings.find(({ path }) => isBelow(clash.path, path.split('.')));
  const path = clash.path.map((name, i) => (i === 0 ? name : segment(name))).join('');
  if (!file || !setting) {
    const origin = origins.get(clash.path.join('.'));
    return `${origin?.where || path}: ${clash.text}`;
  }
  const rest = clash.path.slice(setting.path.split('.').length);
  const offset = offsetAt(setting.raw, rest, setting.offset ?? 0);
  return located(file, offset, `${nameIn(file, path)}: ${clash.text}`);
}

function isBelow(path: readonly string[], above: readonly string[]): boolean {
  return above.every((name, i) => path[i] === name);
}

function worldReadable(file: string, path: string): string {
  return `${shown(file, 200)}: holds the secret ${path}, and every user may read it; run: ${chmod(file)}`;
}

/** Sources come in the order of their strength: a later one replaces an earlier. */
function take(
  setting: Setting,
  where: string,
  givens: Givens,
  reading: Reading,
  report: (text: string, wrong?: Wrong) => void,
): void {
  const { key, raw, path, source } = setting;
  let wrongs = 0;
  const value = convertEntry(
    key,
    raw,
    (wrong) => {
      wrongs++;
      report(wording(key, wrong), wrong);
    },
    reading,
  );
  if (wrongs > 0) return;
  const inFile = isSecretFile(setting);
  const target = inFile ? path.slice(0, -'_file'.length) : path;
  const before = givens.get(target);
  if (before?.source === source && before.inFile !== inFile) {
    report(`is set beside ${inFile ? target : `${path}_file`}; remove one of them`);
    return;
  }
  givens.set(target, { value, source, where, inFile });
}

function isSecretFile({ key }: Setting): boolean {
  return key.type === 'path' && key.holdsSecret === true;
}

/** The tree of the table with a value at each key: the shape that `ConfigOf` describes. */
function build(table: KeyTable, givens: Givens, around: Surroundings, prefix = ''): object {
  const entries = Object.entries(table).map(([name, node]): [string, unknown] => {
    const path = prefix + name;
    if (!isKey(node)) return [name, build(node, givens, around, `${path}.`)];
    return [name, valueAt(path, node, givens, around)];
  });
  return Object.freeze(Object.fromEntries(entries));
}

function valueAt(path: string, key: Key, givens: Givens, around: Surroundings): unknown {
  const given = givens.get(path);
  return given ? given.value : defaultOf(key, around);
}

function originsOf(table: KeyTable, givens: Givens): Origins {
  return new Map(
    keysOf(table).map(([path]) => {
      const given = givens.get(path);
      return [path, { source: given?.source ?? 'default', where: given?.where ?? '' }];
    }),
  );
}
