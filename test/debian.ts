import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../.cache/debian/', import.meta.url));

/**
 * Path of a program out of a Debian package: the installed one, or one unpacked into `.cache/debian`
 * without being installed.
 */
export async function debianBinary(packageName: string, path: string): Promise<string> {
  if (await exists(path)) return path;
  const unpacked = join(cache, packageName);
  if (!(await exists(join(unpacked, path)))) await unpack(packageName, unpacked);
  return join(unpacked, path);
}

async function unpack(packageName: string, unpacked: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'download-'));
  try {
    await run('apt-get', ['download', packageName], { cwd: work });
    const file = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get download ${packageName} left no file`);
    await run('dpkg-deb', ['-x', join(work, file), join(work, 'root')]);
    await rename(join(work, 'root'), unpacked).catch(async (error: unknown) => {
      // Another test has unpacked it in the meantime.
      if (!(await exists(unpacked))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
