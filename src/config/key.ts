import type { Command } from '../model/command.ts';
import type { StatusSpan } from '../model/status-codes.ts';
import type { Secret } from './secret.ts';

/** Where an HTTP server listens. Port 0 lets the kernel choose one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What is done when something happened: a command is run, or the event is sent to a webhook. */
export type Action = { readonly command: Command } | { readonly url: string };

/** Both ends belong to it; without `max` there is no upper end. */
export interface Span {
  readonly min: number;
  readonly max: number | undefined;
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
  command: Command;
  /** A webhook or a command. */
  action: Action;
  /** The source of a regular expression. */
  regex: string;
  /** A place in an argument list: from 0, from the end below 0, or anywhere. */
  'argument-index': number | 'any';
  /** A number or a span of numbers. */
  span: Span;
  /** Status codes of HTTP. */
  'status-codes': readonly StatusSpan[];
  /** http or https. */
  url: string;
  /** Any names, each with a value or a record of its own, in the order in which they were given. */
  'map-of': ReadonlyMap<string, unknown>;
  'list-of': readonly unknown[];
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
  /** A record must have it; its default is undefined. Means something in records only. */
  readonly required?: true;
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
interface RegexKey extends KeyOf<'regex'> {
  /** `${host.ip}` and other variables of the host may stand in it. */
  readonly variables?: true;
}
/** `max` is the largest number that an end may be. */
interface SpanKey extends KeyOf<'span'> {
  readonly max: number;
}
/** Entries that are values of one key, or records: tables with their own keys. */
interface Collection<T extends 'map-of' | 'list-of'> extends KeyOf<T> {
  readonly of: Key | KeyTable;
  /** Entries. */
  readonly max: number;
  /** Lines of YAML below the key, for the documentation. */
  readonly example?: string;
}
export interface MapKey extends Collection<'map-of'> {
  /** What the names are, in the documentation: `PROCESS`. */
  readonly names: string;
}
export interface ListKey extends Collection<'list-of'> {}
type Special =
  | ('integer' | 'number' | 'duration' | 'one-of' | 'some-of')
  | ('path' | 'regex' | 'span' | 'map-of' | 'list-of');
type Plain = Exclude<KeyType, Special>;
/** A key whose value stands at one place. */
export type ValueKey =
  | PathKey
  | RegexKey
  | SpanKey
  | { [T in Plain]: KeyOf<T> }[Plain]
  | Ranged<'integer'>
  | Ranged<'number'>
  | Ranged<'duration'>
  | Chosen<'one-of'>
  | Chosen<'some-of'>;
export type Key = ValueKey | MapKey | ListKey;

/** Keys and sections of keys, by name. A section is a table in a table. */
export interface KeyTable {
  readonly [name: string]: Key | KeyTable;
}

type Chosable<K extends Key, V> = K extends { readonly values: readonly (infer Name)[] }
  ? K['type'] extends 'some-of'
    ? readonly Name[]
    : Name
  : V;
type Collected<K extends Key> = K extends { readonly type: 'map-of'; readonly of: infer N }
  ? ReadonlyMap<string, EntryOf<N>>
  : K extends { readonly type: 'list-of'; readonly of: infer N }
    ? readonly EntryOf<N>[]
    : Chosable<K, ValueByType[K['type']]>;
type EntryOf<N> = N extends Key ? Collected<N> : N extends KeyTable ? ConfigOf<N> : never;
type ValueOf<K extends Key> =
  | Collected<K>
  | (K extends { readonly required: true }
      ? never
      : K['default'] extends undefined
        ? undefined
        : never);

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

/** It has entries of its own, which only a file can give. */
export function isCollection(key: Key): key is MapKey | ListKey {
  return key.type === 'map-of' || key.type === 'list-of';
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

/** Every path that a file may set: those of the keys, and `_file` beside each secret. */
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
