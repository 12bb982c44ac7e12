import { isDeepStrictEqual } from 'node:util';
import { type KeyTable, keysOf } from './key.ts';
import { type Config, keys } from './keys.ts';
import { isSecret } from './secret.ts';

export interface Change {
  /** `metrics.node_exporter_names` */
  readonly path: string;
  /** The running agent cannot take it; it counts from the next start on. */
  readonly needsRestart: boolean;
}

/** Which keys differ, in the order of the table. */
export function changedKeys(before: Config, after: Config): readonly Change[] {
  return changesOf(keys, before, after);
}

/** The same for any table of keys. */
export function changesOf(table: KeyTable, before: object, after: object): readonly Change[] {
  return keysOf(table)
    .filter(([path]) => !sameValue(valueAt(before, path), valueAt(after, path)))
    .map(([path, key]) => ({ path, needsRestart: !key.reload }));
}

function sameValue(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(revealed(a), revealed(b));
}

/** Secrets as their text, also those in maps and records; maps with the order of their names. */
function revealed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isSecret(value)) return value.reveal();
  if (Array.isArray(value)) return value.map(revealed);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return entries.map(([name, entry]) => [name, revealed(entry)]);
}

/** The value at a key's path in a configuration. */
export function valueAt(config: object, path: string): unknown {
  let at: unknown = config;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.hasOwn(at, name) ? (at as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return at;
}
