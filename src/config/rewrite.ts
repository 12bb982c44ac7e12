import { constants } from 'node:fs';
import {
  access,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  realpath,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { configBytesMax, type FileRead, readConfigFile } from './file.ts';
import { shown } from './shown.ts';

/** How long another edit may hold the file: one takes milliseconds. */
const lockWaitMs = 5_000;
const lockPollMs = 20;
/** Edits that begin anew because another one was quicker; of as many at once one is always done. */
const triesMax = 50;

const missing =
  ': does not exist; make it with unitwatch config create POSTGRES-URL, or for use without PostgreSQL make an empty file';
const deadLink =
  ': is a symbolic link to a file that does not exist; make that file, empty, or remove the link';

/** What an edit makes of a file. */
export interface NewText {
  readonly text: string;
  /** It holds a secret now: every right that others had is taken away. */
  readonly isPrivate?: boolean;
  /** The group that may read it from then on, where others could before: that of the agent. */
  readonly gid?: number | undefined;
}
/** What is wrong, in sentences. */
export interface Faults {
  readonly faults: readonly string[];
}
/** How a file was written. */
export interface Written {
  /** Its permission bits. */
  readonly mode: number;
}

/**
 * Puts a text in the place of a file's: as a whole or not at all, for the same owner and with the
 * same mode, behind the link where it is one. Where somebody else was quicker, `edit` is called
 * again with what he has written. A word in place of a text is handed back, and nothing is written.
 */
export async function rewriteFile<Word extends string = never>(
  name: string,
  edit: (file: FileRead) => Promise<NewText | Faults | Word>,
): Promise<Written | Faults | Word> {
  for (let tries = 0; tries < triesMax; tries++) {
    const file = await readConfigFile(name);
    if (!file) return fault(name, (await isLink(name)) ? deadLink : missing);
    if ('what' in file) return fault(name, file.what);
    const made = await edit(file);
    if (typeof made === 'string' || 'faults' in made) return made;
    const done = await told(name, () => replace(name, file, made));
    if (done !== 'changed meanwhile') return done;
  }
  return fault(name, ': is changed by others all the time; try again');
}

/** Of a new file. */
export interface Making {
  /** Its group may read it too: that of the agent. */
  readonly gid?: number | undefined;
  /** Makes its folder, with this mode, where there is none. */
  readonly folderMode?: number | undefined;
}

/** A new file that only its owner may read, and its group where one is named. */
export async function createFile(
  name: string,
  text: string,
  { gid, folderMode }: Making = {},
): Promise<Written | Faults | 'exists'> {
  const mode = gid === undefined ? 0o600 : 0o640;
  return told(name, async () => {
    if (folderMode !== undefined) await makeFolder(dirname(name), folderMode);
    return locked(name, async ({ handle, path }) => {
      await handle.writeFile(text);
      if (gid !== undefined) await handle.chown(process.getuid?.() ?? 0, gid);
      await handle.chmod(mode);
      await handle.sync();
      try {
        await link(path, name);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return 'exists';
        throw error;
      }
      await syncFolder(dirname(name));
      return { mode };
    });
  });
}

async function isLink(name: string): Promise<boolean> {
  try {
    return (await lstat(name)).isSymbolicLink();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

async function replace(
  name: string,
  before: FileRead,
  { text, isPrivate = false, gid: readers }: NewText,
): Promise<Written | Faults | 'changed meanwhile'> {
  const real = await realpath(name);
  await access(real, constants.W_OK);
  const bytes = Buffer.concat([markOf(before.bytes), Buffer.from(text)]);
  if (bytes.length > configBytesMax) {
    return fault(name, `: would be larger than ${configBytesMax / 1_024} KiB`);
  }
  return locked(real, async (lock) => {
    const { handle } = lock;
    const now = await readConfigFile(real);
    if (!now || 'what' in now || !now.bytes.equals(before.bytes)) return 'changed meanwhile';
    const old = await stat(real);
    const isClosed = isPrivate && (old.mode & 0o004) !== 0;
    const mode = old.mode & (isPrivate ? 0o770 : 0o777);
    const gid = isClosed ? (readers ?? old.gid) : old.gid;
    await handle.writeFile(bytes);
    const own = await handle.stat();
    if (own.uid !== old.uid || own.gid !== gid) await handle.chown(old.uid, gid);
    await handle.chmod(mode);
    await handle.sync();
    await rename(lock.path, real);
    lock.isTaken = false;
    await syncFolder(dirname(real));
    return { mode };
  });
}

/** The byte order mark of a file, where it has one. */
function markOf(bytes: Buffer): Buffer {
  const mark = Buffer.from('\ufeff');
  return bytes.subarray(0, mark.length).equals(mark) ? mark : Buffer.alloc(0);
}

/** A file beside the one that is edited, which nobody else has meanwhile. */
interface Lock {
  readonly path: string;
  readonly handle: FileHandle;
  /** It is still there: after the rename the name may be another's lock. */
  isTaken: boolean;
}

/** Works on such a file: its name is the lock, and it becomes the edited file, or is gone afterwards. */
async function locked<T>(real: string, work: (lock: Lock) => Promise<T>): Promise<T | Faults> {
  const path = join(dirname(real), `.${basename(real)}.lock`);
  const handle = await take(path);
  if (!handle) {
    return fault(
      path,
      ': is there: somebody edits the file, or was cut off while he did; remove it if nobody does',
    );
  }
  const lock = { path, handle, isTaken: true };
  try {
    return await work(lock);
  } finally {
    await handle.close();
    if (lock.isTaken) await unlink(path);
  }
}

async function take(path: string): Promise<FileHandle | undefined> {
  for (let waitedMs = 0; ; waitedMs += lockPollMs) {
    try {
      return await open(path, 'wx', 0o600);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (waitedMs >= lockWaitMs) return undefined;
    }
    await sleep(lockPollMs);
  }
}

/** What was renamed in a folder is so also after a power failure. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the file system refuses, in a sentence. */
async function told<T>(name: string, work: () => Promise<T>): Promise<T | Faults> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    return fault(name, `: ${whyNot(code, dirname(name))}`);
  }
}

function whyNot(code: string, folder: string): string {
  const user = `user ${process.getuid?.() ?? ''}`;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `cannot be written by ${user} (permission denied); run it as the owner of the file and of its folder, or name another file with --config-path FILE`;
    case 'ENOENT':
    case 'ENOTDIR':
      return `cannot be written, because ${shown(folder, 200)} is no folder; make it first`;
    case 'EROFS':
      return 'cannot be written: the file system is read-only';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'cannot be written: the disk is full';
    default:
      return `cannot be written (${code})`;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function fault(name: string, what: string): Faults {
  return { faults: [`${shown(name, 200)}${what}`] };
}
