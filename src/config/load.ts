import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { fileVariable } from './environment.ts';
import type { ConfigOf, KeyTable } from './key.ts';
import { type Config, keys } from './keys.ts';
import { type Clash, type ConfigFile, type Outcome, readConfig } from './read.ts';
import { clashes } from './rules.ts';
import { chmod, type ReadSecret } from './secret-files.ts';
import type { Origins, Override } from './setting.ts';
import { shown } from './shown.ts';

/** Read where no other file is named and this one exists. */
export const defaultFile = '/etc/unitwatch/unitwatch.yaml';
/** A hundred times the largest configuration imaginable; more is some other file. */
const MAX_FILE = 1_048_576;
/** Keys and passwords are far below; it is the limit that systemd sets for credentials, too. */
const MAX_SECRET = 65_536;

export interface LoadRequest {
  /** Named on the command line; it must exist. Else `UNITWATCH_CONFIG`, else the default path. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides?: readonly Override[];
  /** Where a file may be, but need not, when none is named; false for nowhere. */
  readonly defaultFile?: string | false;
}

export type Loaded<T extends KeyTable> = Outcome<T> & {
  /** The file that was read, or should have been; undefined where there is none. */
  readonly file: string | undefined;
};

/** The effective configuration of unitwatch, or everything that is wrong with it. */
export async function loadConfig(request: LoadRequest): Promise<
  (
    | {
        readonly config: Config;
        readonly origins: Origins;
        /** What the user should know of his file, one sentence each. */
        readonly notes: readonly string[];
      }
    | { readonly faults: readonly string[] }
  ) & { readonly file: string | undefined }
> {
  return loadTable(keys, request, clashes);
}

/** The same for any table of keys. */
export async function loadTable<const T extends KeyTable>(
  table: T,
  request: LoadRequest,
  clashes?: (config: ConfigOf<T>) => Promise<readonly Clash[]>,
): Promise<Loaded<T>> {
  const { env } = request;
  const named = request.file ?? env[fileVariable];
  const name = named ?? request.defaultFile ?? defaultFile;
  const inputs = {
    around: { env, uid: process.getuid?.() ?? -1, home: env['HOME'] || homedir() },
    overrides: request.overrides ?? [],
    readSecret,
    clashes,
  };
  const without = async () => ({ ...(await readConfig(table, inputs)), file: undefined });
  if (name === false) return without();
  const file = await readConfigFile(name);
  if (named === undefined && file === undefined) return without();
  if (file === undefined || 'what' in file) {
    const fault = `${shown(name, 200)}${file?.what ?? ': does not exist'}`;
    const others = await readConfig(table, inputs);
    return { faults: [fault, ...('faults' in others ? others.faults : [])], file: name };
  }
  return { ...(await readConfig(table, { ...inputs, file })), file: name };
}

/** The text of a configuration file; what is wrong with it, behind its name; undefined for none. */
export async function readConfigFile(
  name: string,
): Promise<ConfigFile | { readonly what: string } | undefined> {
  const read = await readFile(name, MAX_FILE);
  if (!read) return undefined;
  if ('what' in read) return { what: `: ${read.what}` };
  const decoded = decode(read.bytes);
  if ('what' in decoded) return decoded;
  return { name, text: decoded.text, worldReadable: read.worldReadable };
}

type ReadFile =
  | { readonly bytes: Buffer; readonly worldReadable: boolean }
  | { readonly what: string }
  | undefined;

/** Undefined where there is no such file; never waits for a pipe or a device. */
async function readFile(name: string, limit: number): Promise<ReadFile> {
  if (name === '' || name.includes('\0')) return { what: 'is no file name' };
  let handle: FileHandle;
  try {
    handle = await open(name, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return whyNot(error);
  }
  try {
    return await readRegular(handle, limit);
  } catch (error) {
    return whyNot(error);
  } finally {
    await handle.close();
  }
}

async function readRegular(handle: FileHandle, limit: number): Promise<ReadFile> {
  const stat = await handle.stat();
  if (stat.isDirectory()) return { what: 'is a directory; name the file in it' };
  if (!stat.isFile()) return { what: 'is no regular file' };
  const buffer = Buffer.alloc(limit + 1);
  let length = 0;
  while (length <= limit) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length > limit) return { what: `is larger than ${limit / 1024} KiB` };
  return { bytes: buffer.subarray(0, length), worldReadable: (stat.mode & 0o004) !== 0 };
}

function whyNot(error: unknown): ReadFile {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return { what: `cannot be read by user ${process.getuid?.() ?? ''} (permission denied)` };
  }
  if (code === 'EISDIR') return { what: 'is a directory; name the file in it' };
  if (code === undefined) throw error;
  return { what: `cannot be read (${code})` };
}

/** Lines end in the same byte in UTF-8 and can be judged one by one. */
function decode(bytes: Buffer): { readonly text: string } | { readonly what: string } {
  if (isUtf8(bytes)) return { text: new TextDecoder().decode(bytes) };
  let line = 1;
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    if (!isUtf8(bytes.subarray(from, end))) break;
    line++;
    from = end + 1;
  }
  return { what: `:${line}:1: is not UTF-8; save the file in that encoding` };
}

/** One line end after the secret is the editor's and is left out. */
const readSecret: ReadSecret = async (file) => {
  const read = await readFile(file, MAX_SECRET);
  if (!read || 'what' in read) return read;
  if (read.worldReadable) return { what: `may be read by every user; run: ${chmod(file)}` };
  const decoded = decode(read.bytes);
  if ('what' in decoded) return { what: 'is not UTF-8' };
  const text = decoded.text.replace(/\r?\n$/, '');
  if (text === '') return { what: 'is empty' };
  return text.includes('\0') ? { what: 'contains a NUL byte' } : { text };
};
