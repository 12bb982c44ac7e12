import { resultCode, Sqlite } from '../../sqlite.ts';
import { StoreError, type Trouble } from './contract.ts';

/** Somebody looks at the file with another program: waits a moment; the rows wait in memory. */
const busyMs = 2_000;

/** The database is damaged, or is none: it is set aside. */
export class DamagedError extends Error {}

/** What SQLite's result codes mean here. */
const troubles: Readonly<Record<number, { readonly kind: Trouble; readonly says: string }>> = {
  3: { kind: 'refused', says: 'may not be used by this user: check its owner and mode' },
  5: { kind: 'down', says: 'is locked by another program' },
  6: { kind: 'down', says: 'is locked by another program' },
  8: {
    kind: 'refused',
    says: 'may only be read by this user: check the owner and mode of the file and its directory',
  },
  10: { kind: 'down', says: 'cannot be read or written (I/O error)' },
  13: { kind: 'full', says: 'cannot grow: the disk is full' },
  14: {
    kind: 'refused',
    says: 'cannot be opened: check the owner and mode of the file and its directory',
  },
};
const damaged: ReadonlySet<number> = new Set([11, 26]);

/** An error of SQLite as what it means; others are ours, and go on as they are. */
function meaningOf(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === 0 || !(error instanceof Error)) return error;
  if (damaged.has(code)) return new DamagedError(error.message, { cause: error });
  const trouble = troubles[code];
  if (trouble === undefined) return error;
  return new StoreError(trouble.kind, `${JSON.stringify(path)} ${trouble.says}.`, error);
}

/** Opens a file of the store; every call on it may throw a StoreError, or a DamagedError. */
export function openSqlite(
  path: string,
  { readOnly = false, waitMs = busyMs }: { readonly readOnly?: boolean; waitMs?: number } = {},
): Promise<Sqlite> {
  return Sqlite.open(path, { readOnly, waitMs, meaningOf: (error) => meaningOf(error, path) });
}
