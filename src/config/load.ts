import { defaultFile, surroundings } from './default-file.ts';
import { fileVariable } from './environment.ts';
import { readConfigFile, readSecret } from './file.ts';
import type { ConfigOf, KeyTable } from './key.ts';
import { type Config, keys } from './keys.ts';
import { type Clash, type ConfigFile, type Inputs, type Outcome, readConfig } from './read.ts';
import { clashes } from './rules.ts';
import type { Origins, Override } from './setting.ts';
import { shown } from './shown.ts';

export interface LoadRequest {
  /** Named on the command line; it must exist. Else `UNITWATCH_CONFIG`, else the default path. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides?: readonly Override[];
  /** Where a file may be, but need not, when none is named; false for nowhere. */
  readonly defaultFile?: string | false;
}

export type Loaded<T extends KeyTable> = Outcome<T> & {
  /** The file that was read, or should have been; undefined where there is none. */
  readonly file: string | undefined;
};

/** The effective configuration of unitwatch, or everything that is wrong with it. */
export async function loadConfig(request: LoadRequest): Promise<
  (
    | {
        readonly config: Config;
        readonly origins: Origins;
        /** What the user should know of his file, one sentence each. */
        readonly notes: readonly string[];
      }
    | { readonly faults: readonly string[] }
  ) & { readonly file: string | undefined }
> {
  return loadTable(keys, request, clashes);
}

/** The same for any table of keys. */
export async function loadTable<const T extends KeyTable>(
  table: T,
  request: LoadRequest,
  clashes?: (config: ConfigOf<T>) => Promise<readonly Clash[]>,
): Promise<Loaded<T>> {
  const named = namedFile(request);
  const name = named ?? request.defaultFile ?? (await defaultFile(surroundings(request.env)));
  const inputs = inputsOf(request, clashes);
  const without = async () => ({ ...(await readConfig(table, inputs)), file: undefined });
  if (name === false) return without();
  const file = await readConfigFile(name);
  if (named === undefined && file === undefined) return without();
  if (file === undefined || 'what' in file) {
    const fault = `${shown(name, 200)}${file?.what ?? ': does not exist'}`;
    const others = await readConfig(table, inputs);
    return { faults: [fault, ...('faults' in others ? others.faults : [])], file: name };
  }
  return { ...(await readConfig(table, { ...inputs, file })), file: name };
}

/** The configuration that a file would make, or everything that is wrong with it. */
export function readKeys(
  file: ConfigFile,
  request: Pick<LoadRequest, 'env'>,
): Promise<Outcome<typeof keys>> {
  return readConfig(keys, { ...inputsOf(request, clashes), file });
}

/** The file that is read, unless the default one is; on the command line first. */
export function namedFile({ file, env }: LoadRequest): string | undefined {
  return file ?? env[fileVariable];
}

function inputsOf<T extends KeyTable>(
  { env, overrides = [] }: LoadRequest,
  clashes: Inputs<T>['clashes'],
): Inputs<T> {
  return { around: surroundings(env), overrides, readSecret, clashes };
}
