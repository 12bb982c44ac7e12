import { inspect } from 'node:util';

/** A value that is printed nowhere by accident: only `reveal()` gives it. */
export interface Secret {
  readonly reveal: () => string;
  readonly toString: () => string;
  readonly toJSON: () => string;
}

/** What stands wherever a secret would be printed. */
export const hidden = '(hidden)';

export function makeSecret(text: string): Secret {
  const mask = (): string => hidden;
  return Object.freeze({
    reveal: () => text,
    toString: mask,
    toJSON: mask,
    [inspect.custom]: mask,
  });
}

export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && 'reveal' in value;
}
