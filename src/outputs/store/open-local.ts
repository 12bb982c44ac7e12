import { constants, statSync } from 'node:fs';
import {
  access,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { type RealtimeUs, rfc3339 } from '../../model/time.ts';
import type { Sqlite } from '../../sqlite.ts';
import { type LocalSettings, StoreError } from './contract.ts';
import { applicationId } from './local-schema.ts';
import { LocalStore } from './local-store.ts';
import { DamagedError, openSqlite } from './sqlite.ts';

/** The first bytes of every SQLite file, and where the number of the application stands after them. */
const magic = 'SQLite format 3\0';
const applicationIdAt = 68;
/** A file up to this size is read through when it is opened: a second of a slow disk. */
const checkedBytes = 67_108_864;

/** Makes the file and its directory, for its owner; its group may read. @returns its real path */
export async function makeFile(path: string): Promise<string> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o750 });
    const file = await open(path, 'a', 0o640);
    await file.close();
    const real = await realpath(path);
    await refuseStranger(real);
    return real;
  } catch (error) {
    throw unmade(error, path);
  }
}

/** An error of the file system as a sentence; others are ours, and go on as they are. */
function unmade(error: unknown, path: string): unknown {
  if (error instanceof StoreError || !(error instanceof Error && 'code' in error)) return error;
  const what = `${JSON.stringify(path)} cannot be made`;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new StoreError('full', `${what}: the disk is full.`, error);
  }
  const advice = 'check the owner and mode of its directory, or set store.path';
  return new StoreError('refused', `${what} (${String(error.code)}): ${advice}.`, error);
}

/**
 * A file that was never ours is not touched, whatever is wrong with it. One that lies beside our lock
 * was: then even a header that cannot be read is damage.
 */
async function refuseStranger(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(100);
    const { bytesRead } = await file.read(header, 0, header.length, 0);
    const isOurs =
      header.toString('latin1', 0, magic.length) === magic &&
      header.readInt32BE(applicationIdAt) === applicationId;
    if (bytesRead === 0 || isOurs || (await exists(lockPath(path)))) return;
    const message = `${JSON.stringify(path)} is no database of unitwatch's store: set store.path to another file.`;
    throw new StoreError('refused', message);
  } finally {
    await file.close();
  }
}

/**
 * Holds the local database for this process: a lock on an empty file beside it, which the kernel
 * gives back when the process ends, however it ends.
 * @throws StoreError `refused` where another process holds it
 */
export async function lockFor(path: string): Promise<Sqlite> {
  const lock = lockPath(path);
  try {
    await mkdir(dirname(lock), { recursive: true, mode: 0o750 });
    const file = await open(lock, 'a', 0o640);
    await file.close();
  } catch (error) {
    throw unmade(error, lock);
  }
  const on = await openSqlite(lock, { waitMs: 0 });
  try {
    on.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return on;
  } catch (error) {
    on.close();
    if (!(error instanceof StoreError) || error.kind !== 'down') throw error;
    const who = await holderOf(lock);
    const message = `${JSON.stringify(path)} is in use by another agent${who}: stop that one, or set store.path to another file.`;
    throw new StoreError('refused', message, error);
  }
}

/**
 * @param after number of the last row that a database in this place had
 * @throws StoreError, and DamagedError where it has to be set aside
 */
export async function openLocal(settings: LocalSettings, after: number): Promise<LocalStore> {
  await checkWhole(settings.path);
  return LocalStore.open(settings, after);
}

/**
 * Puts a damaged database aside. The one before it is removed, so that damage cannot fill a disk.
 * @returns where it is now
 */
export async function putAside(path: string, nowUs: RealtimeUs): Promise<string> {
  const target = `${path}.damaged`;
  for (const ending of ['', '-wal', '-shm']) {
    await rm(`${target}${ending}`, { force: true });
    if (await exists(`${path}${ending}`)) await rename(`${path}${ending}`, `${target}${ending}`);
  }
  try {
    await makeFile(path);
    await writeFile(`${target}.txt`, `Set aside ${rfc3339(nowUs)}: SQLite calls it damaged.\n`, {
      mode: 0o640,
    });
  } catch (error) {
    // On a full disk there is no note.
    const known = unmade(error, path);
    if (!(known instanceof StoreError && known.kind === 'full')) throw known;
  }
  return target;
}

async function checkWhole(path: string): Promise<void> {
  const size = (await exists(path)) ? (await stat(path)).size : 0;
  if (size === 0 || size > checkedBytes) return;
  const on = await openSqlite(path);
  try {
    const [row] = on.rows('PRAGMA quick_check(1)');
    const said = row === undefined ? '' : Object.values(row)[0];
    if (said !== 'ok') throw new DamagedError(String(said));
  } finally {
    on.close();
  }
}

/** Beside the database. */
export function lockPath(path: string): string {
  return `${path}.lock`;
}

/** What tells a file from another one that takes its place; undefined where there is none. */
export function fileAt(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

/** Who holds a lock on the file, out of /proc/locks: for the message only, so it may fail. */
async function holderOf(lock: string): Promise<string> {
  try {
    const { ino } = await stat(lock);
    const locks = await readFile('/proc/locks', 'utf8');
    const line = locks.split('\n').find((one) => one.split(' ').some((w) => w.endsWith(`:${ino}`)));
    const pid = line?.trim().split(/\s+/)[4];
    return pid === undefined || pid === '-1' ? '' : ` (process ${pid})`;
  } catch {
    return '';
  }
}
