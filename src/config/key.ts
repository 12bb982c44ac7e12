import type { Secret } from './secret.ts';

/** Where an HTTP server listens. Port 0 lets the kernel choose one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a default may depend on. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly home: string;
}

/** The TypeScript type of each type of key. */
interface ValueByType {
  boolean: boolean;
  integer: number;
  number: number;
  /** Milliseconds. */
  duration: number;
  text: string;
  texts: readonly string[];
  /** Globs and `/regex/`, for `matcher` of the model. */
  patterns: readonly string[];
  'one-of': string;
  'some-of': readonly string[];
  address: Address | 'off';
  /** `system`, `user` or an address as the D-Bus specification writes it. */
  bus: string;
  /** Absolute. */
  path: string;
  secret: Secret;
}
export type KeyType = keyof ValueByType;

interface KeyOf<T extends KeyType> {
  readonly type: T;
  /** One sentence; the documentation and the commented example are made of it. */
  readonly doc: string;
  /** Undefined where the key may be without a value. */
  readonly default: ValueByType[T] | ((around: Surroundings) => ValueByType[T]) | undefined;
  /** What the default is, in words, where it is not a plain value. */
  readonly default_doc?: string;
  /** A running agent takes a new value on reload; otherwise it takes a restart of the agent. */
  readonly reload: boolean;
}
/** Limits are inclusive; those of a duration are in milliseconds. */
interface Ranged<T extends 'integer' | 'number' | 'duration'> extends KeyOf<T> {
  readonly min: number;
  readonly max: number;
}
interface Chosen<T extends 'one-of' | 'some-of'> extends KeyOf<T> {
  readonly values: readonly string[];
}
interface PathKey extends KeyOf<'path'> {
  /** The file holds the secret that belongs to the key beside it. */
  readonly holdsSecret?: true;
}
type Plain = Exclude<KeyType, 'integer' | 'number' | 'duration' | 'one-of' | 'some-of' | 'path'>;
export type Key =
  | PathKey
  | { [T in Plain]: KeyOf<T> }[Plain]
  | Ranged<'integer'>
  | Ranged<'number'>
  | Ranged<'duration'>
  | Chosen<'one-of'>
  | Chosen<'some-of'>;

/** Keys and sections of keys, by name. A section is a table in a table. */
export interface KeyTable {
  readonly [name: string]: Key | KeyTable;
}

type Chosable<K extends Key, V> = K extends { readonly values: readonly (infer Name)[] }
  ? K['type'] extends 'some-of'
    ? readonly Name[]
    : Name
  : V;
type ValueOf<K extends Key> =
  | Chosable<K, ValueByType[K['type']]>
  | (K['default'] extends undefined ? undefined : never);

/** The object that a key table describes. */
export type ConfigOf<T extends KeyTable> = {
  readonly [N in keyof T]: T[N] extends Key
    ? ValueOf<T[N]>
    : T[N] extends KeyTable
      ? ConfigOf<T[N]>
      : never;
};

/** One value, whatever its type. */
export type Value = ValueByType[KeyType] | undefined;

export function isKey(node: Key | KeyTable): node is Key {
  return typeof node['type'] === 'string';
}

/** Own names only: `constructor` and `__proto__` are in no table. */
export function lookUp(table: KeyTable, name: string): Key | KeyTable | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Every key with its path (`metrics.node_exporter_names`), in the order of the table. */
export function keysOf(table: KeyTable, prefix = ''): readonly (readonly [string, Key])[] {
  return Object.entries(table).flatMap(([name, node]) =>
    isKey(node) ? [[prefix + name, node] as const] : keysOf(node, `${prefix}${name}.`),
  );
}

/** The key in whose file a secret may stand instead: beside `password` it is `password_file`. */
export function secretFileKey(table: KeyTable, name: string): Key | undefined {
  if (!name.endsWith('_file') || lookUp(table, name)) return undefined;
  const sibling = lookUp(table, name.slice(0, -'_file'.length));
  if (!sibling || !isKey(sibling) || sibling.type !== 'secret') return undefined;
  return {
    type: 'path',
    doc: 'The file that holds the secret.',
    default: undefined,
    reload: sibling.reload,
    holdsSecret: true,
  };
}

/** Every path that may be set: those of the keys, and `_file` beside each secret. */
export function settablePaths(table: KeyTable): readonly string[] {
  return keysOf(table).flatMap(([path, key]) =>
    key.type === 'secret' ? [path, `${path}_file`] : [path],
  );
}

/** The key behind a path of `settablePaths`. */
export function keyAt(table: KeyTable, path: string): Key | undefined {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let section = table;
  for (const name of names) {
    const node = lookUp(section, name);
    if (!node || isKey(node)) return undefined;
    section = node;
  }
  const found = lookUp(section, last);
  return found && isKey(found) ? found : secretFileKey(section, last);
}

export function defaultOf(key: Key, around: Surroundings): Value {
  return typeof key.default === 'function' ? key.default(around) : key.default;
}
