import type { Command } from '../model/command.ts';
import { type StatusSpan, statusCodesText } from '../model/status-codes.ts';
import { formatAddress } from './address.ts';
import { formatDuration } from './duration.ts';
import {
  type Action,
  type Address,
  isCollection,
  isKey,
  type Key,
  type KeyTable,
  type ListKey,
  type MapKey,
  type Span,
} from './key.ts';
import { hidden } from './secret.ts';

/** Plain in YAML and no other type than text: a name, a path, a duration, an address. */
const plainText =
  /^(?!(?:true|false|null|True|False|Null|TRUE|FALSE|NULL)$)(?:[A-Za-z_/][\w./@-]*(?::[\w./@=-]+)*|\d+(?:ms|[dhms])[\w]*|[\d.]+\.\d+:\d+)$/;

/**
 * A value as a configuration file has it, and as it is read back; a secret is only `(hidden)`.
 * Undefined where the key has no value.
 */
export function formatValue(key: Key, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (isCollection(key)) return formatCollection(key, value);
  if (key.type === 'secret') return hidden;
  if (key.type === 'action' && isAction(value)) return formatAction(value);
  if (key.type === 'span' && isSpan(value)) return formatText(formatSpan(value));
  if (key.type === 'status-codes' && isStatusCodes(value))
    return formatText(statusCodesText(value));
  if (Array.isArray(value)) return `[${value.map((item) => formatText(String(item))).join(', ')}]`;
  if (key.type === 'address' && isAddress(value)) return formatText(formatAddress(value));
  if (key.type === 'duration' && typeof value === 'number') return formatDuration(value);
  return typeof value === 'string' ? formatText(value) : String(value);
}

function formatCollection(key: MapKey | ListKey, value: unknown): string {
  if (value instanceof Map) {
    const rows = [...value].map(([name, one]) => `${formatText(name)}: ${formatNode(key.of, one)}`);
    return `{${rows.join(', ')}}`;
  }
  const items = Array.isArray(value) ? value : [];
  return `[${items.map((item) => formatNode(key.of, item)).join(', ')}]`;
}

/** The same for a record, without the keys that have no value. */
export function formatNode(node: Key | KeyTable, value: unknown): string {
  if (isKey(node)) return formatValue(node, value) ?? '~';
  const rows = fieldsOf(node, value).map(([name, key, one]) => `${name}: ${formatNode(key, one)}`);
  return `{${rows.join(', ')}}`;
}

/** The keys of a record that have a value. */
export function fieldsOf(
  table: KeyTable,
  record: unknown,
): readonly (readonly [string, Key | KeyTable, unknown])[] {
  const values = new Map(Object.entries(typeof record === 'object' && record ? record : {}));
  return Object.entries(table)
    .map(([name, node]) => [name, node, values.get(name)] as const)
    .filter(([, , value]) => value !== undefined);
}

function isAddress(value: unknown): value is Address | 'off' {
  return value === 'off' || (typeof value === 'object' && value !== null && 'port' in value);
}

function isAction(value: unknown): value is Action {
  return typeof value === 'object' && value !== null && ('url' in value || 'command' in value);
}

function isSpan(value: unknown): value is Span {
  return typeof value === 'object' && value !== null && 'min' in value;
}

function isStatusCodes(value: unknown): value is readonly StatusSpan[] {
  return Array.isArray(value) && value.every(isSpan);
}

/** The path of a webhook is its password; only the host is shown. */
function shownAction(action: Action): Command {
  return 'url' in action ? `${new URL(action.url).origin}/${hidden}` : action.command;
}

function formatAction(action: Action): string {
  const text = shownAction(action);
  return typeof text === 'string' ? formatText(text) : `[${text.map(formatText).join(', ')}]`;
}

function formatSpan({ min, max }: Span): string {
  if (max === undefined) return `${min}+`;
  return min === max ? String(min) : `${min}-${max}`;
}

/** Text as it may stand in YAML, in quotes only where it needs them. */
export function formatText(text: string): string {
  return plainText.test(text) ? text : quoteText(text);
}

/** JSON's quotes are YAML's, too; invisible characters are written as what they are called. */
export function quoteText(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu,
    (char) => `\\U${(char.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
  );
}

/** The value for JSON: lists and numbers as they are, durations, spans and addresses as text. */
export function jsonValue(node: Key | KeyTable, value: unknown): unknown {
  if (value === undefined) return null;
  if (!isKey(node)) {
    const fields = fieldsOf(node, value);
    return Object.fromEntries(fields.map(([name, key, one]) => [name, jsonValue(key, one)]));
  }
  return isCollection(node) ? jsonCollection(node, value) : jsonPlain(node, value);
}

function jsonCollection(key: MapKey | ListKey, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => jsonValue(key.of, item));
  const entries = value instanceof Map ? [...value] : [];
  return Object.fromEntries(entries.map(([name, one]) => [name, jsonValue(key.of, one)]));
}

function jsonPlain(key: Key, value: unknown): unknown {
  switch (key.type) {
    case 'duration':
    case 'secret':
      return formatValue(key, value);
    case 'address':
      return isAddress(value) ? formatAddress(value) : value;
    case 'span':
      return isSpan(value) ? formatSpan(value) : value;
    case 'status-codes':
      return isStatusCodes(value) ? statusCodesText(value) : value;
    case 'action':
      return isAction(value) ? shownAction(value) : value;
    default:
      return value;
  }
}
