import { formatAddress } from './address.ts';
import { formatDuration } from './duration.ts';
import type { Address, Key } from './key.ts';
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
  if (key.type === 'secret') return hidden;
  if (Array.isArray(value)) return `[${value.map((item) => formatText(String(item))).join(', ')}]`;
  if (key.type === 'address' && isAddress(value)) return formatText(formatAddress(value));
  if (key.type === 'duration' && typeof value === 'number') return formatDuration(value);
  return typeof value === 'string' ? formatText(value) : String(value);
}

function isAddress(value: unknown): value is Address | 'off' {
  return value === 'off' || (typeof value === 'object' && value !== null && 'port' in value);
}

/** JSON's quotes are YAML's, too; invisible characters are written as what they are called. */
function formatText(text: string): string {
  if (plainText.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu,
    (char) => `\\U${(char.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
  );
}

/** The value for JSON: lists and numbers as they are, durations and addresses as text. */
export function jsonValue(key: Key, value: unknown): unknown {
  if (value === undefined) return null;
  if (key.type === 'duration' || key.type === 'address' || key.type === 'secret') {
    return key.type === 'address' && isAddress(value)
      ? formatAddress(value)
      : formatValue(key, value);
  }
  return value;
}
