import { parseDuration } from './duration.ts';
import type { OldType } from './legacy-keys.ts';
import type { Raw } from './raw.ts';

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** A value as our keys take it; undefined for what should be a number of seconds, and is none. */
export function rawOf(type: OldType, text: string, offset: number): Raw | undefined {
  switch (type) {
    case 'seconds': {
      if (parseDuration(text) !== undefined) return { kind: 'text', text, offset };
      const withUnit = `${text}s`;
      return parseDuration(withUnit) === undefined
        ? undefined
        : { kind: 'text', text: withUnit, offset };
    }
    case 'number':
      return /^[+-]?\d+(?:\.\d+)?$/.test(text)
        ? { kind: 'number', value: Number(text), text, offset }
        : { kind: 'text', text, offset };
    case 'boolean': {
      const word = text.toLowerCase();
      const value = Object.hasOwn(booleans, word) ? booleans[word] : undefined;
      return value === undefined
        ? { kind: 'text', text, offset }
        : { kind: 'boolean', value, offset };
    }
    default:
      return { kind: 'text', text, offset };
  }
}

/** One word of a shell, whatever it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
