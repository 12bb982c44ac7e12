import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ConfigFile } from './read.ts';
import { chmod, type ReadSecret } from './secret-files.ts';

/** A hundred times the largest configuration imaginable; more is some other file. */
export const configBytesMax = 1_048_576;
/** Keys and passwords are far below; it is the limit that systemd sets for credentials, too. */
const MAX_SECRET = 65_536;

/** A configuration file as it was found. */
export interface FileRead extends ConfigFile {
  /** All of it, also the byte order mark that its text is without. */
  readonly bytes: Buffer;
}

/** The text of a configuration file; what is wrong with it, behind its name; undefined for none. */
export async function readConfigFile(
  name: string,
): Promise<FileRead | { readonly what: string } | undefined> {
  const read = await readFile(name, configBytesMax);
  if (!read) return undefined;
  if ('what' in read) return { what: `: ${read.what}` };
  const decoded = decode(read.bytes);
  if ('what' in decoded) return decoded;
  return { name, text: decoded.text, worldReadable: read.worldReadable, bytes: read.bytes };
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
export const readSecret: ReadSecret = async (file) => {
  const read = await readFile(file, MAX_SECRET);
  if (!read || 'what' in read) return read;
  if (read.worldReadable) return { what: `may be read by every user; run: ${chmod(file)}` };
  const decoded = decode(read.bytes);
  if ('what' in decoded) return { what: 'is not UTF-8' };
  const text = decoded.text.replace(/\r?\n$/, '');
  if (text === '') return { what: 'is empty' };
  return text.includes('\0') ? { what: 'contains a NUL byte' } : { text };
};
