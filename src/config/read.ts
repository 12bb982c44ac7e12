import { environmentSettings, overrideSettings } from './environment.ts';
import { fileSettings } from './file-settings.ts';
import {
  type ConfigOf,
  defaultOf,
  isKey,
  type Key,
  type KeyTable,
  keysOf,
  type Surroundings,
} from './key.ts';
import { convertEntry, type Reading } from './records.ts';
import { chmod, holdsSecret, type ReadSecret, resolveSecrets } from './secret-files.ts';
import type { Givens, Origins, Override, Setting } from './setting.ts';
import { shown } from './shown.ts';
import { type Wrong, wording } from './text.ts';
import { parseYaml } from './yaml.ts';

/** Told one by one; a file with more faults than this is not the file that was meant. */
const MAX_FAULTS = 50;

export interface ConfigFile {
  readonly name: string;
  readonly text: string;
  /** Every user of the machine may read it. */
  readonly worldReadable: boolean;
}

/** Everything a configuration is made of. */
export interface Inputs {
  readonly file?: ConfigFile | undefined;
  readonly around: Surroundings;
  readonly overrides: readonly Override[];
  readonly readSecret: ReadSecret;
}

export type Outcome<T extends KeyTable> =
  | { readonly config: ConfigOf<T>; readonly origins: Origins }
  | { readonly faults: readonly string[] };

/**
 * The effective configuration: command line over environment over file over default. Every fault
 * of every source is found in one go. Reads nothing itself: texts come in, and a way to secrets.
 */
export async function readConfig<const T extends KeyTable>(
  table: T,
  inputs: Inputs,
): Promise<Outcome<T>> {
  const givens: Givens = new Map();
  const reading: Reading = { around: inputs.around, unknown: 0 };
  const inFile = inputs.file ? await takeFile(table, inputs.file, givens, reading) : [];
  const environment = environmentSettings(table, inputs.around.env);
  const inTexts: string[] = [];
  const texts = [...environment.settings, ...overrideSettings(table, inputs.overrides)];
  for (const setting of texts) {
    take(setting, setting.where, givens, reading, (text) =>
      inTexts.push(`${setting.where}: ${text}`),
    );
  }
  const inSecrets = await resolveSecrets(table, givens, inputs.around.env, inputs.readSecret);
  const faults = [...inFile, ...environment.faults, ...inTexts, ...inSecrets];
  if (faults.length > 0) return { faults: limited(faults) };
  return {
    config: build(table, givens, inputs.around) as ConfigOf<T>,
    origins: originsOf(table, givens),
  };
}

function limited(faults: readonly string[]): readonly string[] {
  if (faults.length <= MAX_FAULTS) return faults;
  return [...faults.slice(0, MAX_FAULTS), `... and ${faults.length - MAX_FAULTS} more faults`];
}

async function takeFile(
  table: KeyTable,
  file: ConfigFile,
  givens: Givens,
  reading: Reading,
): Promise<string[]> {
  const parsed = await parseYaml(file.text);
  const found = parsed.root ? fileSettings(table, parsed.root) : { settings: [], faults: [] };
  const faults = [...parsed.faults, ...found.faults];
  for (const setting of found.settings) {
    const { raw, offset = 0, path } = setting;
    take(setting, `${file.name}:${place(file.text, offset)}`, givens, reading, (text, wrong) => {
      const at = wrong?.raw.offset ?? raw.offset ?? offset;
      faults.push({ offset: at, text: `${path}${wrong?.path ?? ''}: ${text}` });
    });
  }
  const name = shown(file.name, 200);
  const told = faults
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, text }, i) =>
      i < MAX_FAULTS ? `${name}:${place(file.text, offset)}: ${text}` : text,
    );
  const plain = found.settings.find(
    ({ path, key }) => key.type === 'secret' || holdsSecret(givens.get(path)?.value),
  );
  return file.worldReadable && plain ? [...told, worldReadable(file.name, plain.path)] : told;
}

function worldReadable(file: string, path: string): string {
  return `${shown(file, 200)}: holds the secret ${path}, and every user may read it; run: ${chmod(file)}`;
}

/** `line:column`, from 1. */
function place(text: string, offset: number): string {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return `${line}:${offset - start + 1}`;
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
