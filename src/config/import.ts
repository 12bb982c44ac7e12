import { readConfigFile } from './file.ts';
import { isIni } from './ini.ts';
import { readLegacy } from './legacy.ts';
import { legacyYaml } from './legacy-tree.ts';
import { loadConfig } from './load.ts';
import { hidden } from './secret.ts';
import { shown } from './shown.ts';

export interface Imported {
  /** A configuration file that says the same, with its comments. */
  readonly yaml: string;
  /** The same without the password, for a terminal. */
  readonly shown: string;
  readonly notes: readonly string[];
}

/** An old `config.ini` as a configuration file of ours, or everything that is wrong with it. */
export async function importConfig(
  file: string,
): Promise<Imported | { readonly faults: readonly string[] }> {
  const loaded = await loadConfig({ file, env: {} });
  const read = await readConfigFile(file);
  if (read && 'text' in read && !isIni(file, read.text)) {
    return {
      faults: [`${shown(file, 200)}: is no config.ini: it does not begin with a [section]`],
    };
  }
  if ('faults' in loaded) return loaded;
  if (!read || 'what' in read)
    return { faults: [`${shown(file, 200)}${read?.what ?? ': is gone'}`] };
  const legacy = readLegacy(read.text);
  const withoutSecret = legacy.values.map((value) =>
    String(value.path) === 'database,password' ? { ...value, raw: maskOf() } : value,
  );
  return {
    yaml: legacyYaml(legacy),
    shown: legacyYaml({ ...legacy, values: withoutSecret }),
    notes: legacy.notes,
  };
}

function maskOf(): { readonly kind: 'text'; readonly text: string } {
  return { kind: 'text', text: hidden };
}
