import type { Key } from './key.ts';
import type { Raw } from './raw.ts';

/** Who set a value, from the weakest to the strongest. */
export type Source = 'default' | 'credential' | 'file' | 'environment' | 'command line';

/** One key set by one source, as it was written there. */
export interface Setting {
  readonly path: string;
  readonly key: Key;
  readonly raw: Raw;
  readonly source: Source;
  /** `UNITWATCH_BUS`, `--bus`; empty for a file, where `offset` says it. */
  readonly where: string;
  /** Of the key in the file. */
  readonly offset?: number;
}

/** One value out of the command line. */
export interface Override {
  /** The key's path: `output.stdout`. */
  readonly path: string;
  /** Read like a value of the environment: lists are separated by commas. */
  readonly text: string;
  /** As the user wrote it, for messages: `--bus`. */
  readonly flag: string;
}

/** `where` is `file:line:col`, a variable, a flag or a credential; empty for a default. */
export interface Origin {
  readonly source: Source;
  readonly where: string;
}
/** By the key's path; every key is there. */
export type Origins = ReadonlyMap<string, Origin>;

/** The value of one key as far as any source set it. */
export interface Given extends Origin {
  readonly value: unknown;
  /** `value` is the path of the file that holds the secret. */
  readonly inFile: boolean;
}
export type Givens = Map<string, Given>;
