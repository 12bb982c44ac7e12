import { isKey, type KeyTable, keysOf, lookUp, secretFileKey, settablePaths } from './key.ts';
import { nearestName } from './nearest.ts';
import { describe, type Entry, type Raw } from './raw.ts';
import { MAX_HINTS } from './records.ts';
import type { Setting } from './setting.ts';
import { shown } from './shown.ts';
import type { Located } from './yaml.ts';

export interface FileSettings {
  readonly settings: readonly Setting[];
  readonly faults: readonly Located[];
}

/** What the sections of a file set, each key found in the table; what is not there is a fault. */
export function fileSettings(table: KeyTable, root: Raw): FileSettings {
  const settings: Setting[] = [];
  const faults: Located[] = [];
  const unknown = (section: KeyTable, prefix: string, entry: Entry): string =>
    faults.length < MAX_HINTS ? unknownKey(table, section, prefix, entry) : prefix + entry.name;
  const take = (section: KeyTable, entry: Entry, prefix: string): void => {
    const { name, nameOffset: offset, value: raw } = entry;
    const path = prefix + name;
    const found = lookUp(section, name) ?? secretFileKey(section, name);
    if (!found) {
      faults.push({ offset, text: unknown(section, prefix, entry) });
    } else if (isKey(found)) {
      settings.push({ path, key: found, raw, source: 'file', where: '', offset });
    } else if (raw.kind === 'section') {
      for (const inner of raw.entries) take(found, inner, `${path}.`);
    } else if (raw.kind !== 'nothing') {
      const text = `${path}: is a section; its keys stand below it (got ${describe(raw)})`;
      faults.push({ offset: raw.offset ?? offset, text });
    }
  };
  if (root.kind === 'section') {
    for (const entry of root.entries) take(table, entry, '');
  } else if (root.kind !== 'nothing') {
    const text = `must be keys and values (got ${describe(root)})`;
    faults.push({ offset: root.offset ?? 0, text });
  }
  return { settings, faults };
}

function unknownKey(table: KeyTable, section: KeyTable, prefix: string, entry: Entry): string {
  const { name } = entry;
  const start = `${shown(prefix + name)}: is no key of unitwatch`;
  const paths = settablePaths(table);
  const dot = name.lastIndexOf('.');
  if (prefix === '' && paths.includes(name)) {
    return `${start}; write ${name.slice(dot + 1)}: below ${name.slice(0, dot)}:`;
  }
  const meant = nearestKey(table, section, prefix, name);
  return meant === undefined ? start : `${start}; did you mean '${meant}'?`;
}

/** In its own section first; then the same name, or nearly, in another. */
function nearestKey(
  table: KeyTable,
  section: KeyTable,
  prefix: string,
  name: string,
): string | undefined {
  const secretFiles = keysOf(section)
    .filter(([path, key]) => key.type === 'secret' && !path.includes('.'))
    .map(([path]) => `${path}_file`);
  const sibling = nearestName(name, [...Object.keys(section), ...secretFiles]);
  if (sibling !== undefined) return prefix + sibling;
  const paths = settablePaths(table);
  const lastNames = paths.map((path) => path.slice(path.lastIndexOf('.') + 1));
  const elsewhere = nearestName(name, lastNames);
  return elsewhere === undefined ? undefined : paths[lastNames.indexOf(elsewhere)];
}
