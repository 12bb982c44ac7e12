import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository, seen from dist/test/. What is downloaded lies below .cache/ there. */
export const cache = join(fileURLToPath(new URL('../../', import.meta.url)), '.cache');

/** Downloads of some 30 MB over a slow line. */
const downloadMs = 300_000;
const maxOutputBytes = 16 * 1024 * 1024;

/** A network that is away for a moment is tried again; two test files may want dpkg at once. */
const aptOptions = ['-qq', '-o', 'Acquire::Retries=2', '-o', 'DPkg::Lock::Timeout=120'];

/** Runs a program to its end; a failure is an error that holds its words. */
export function run(
  file: string,
  argv: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly timeout?: number;
  } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = {
      timeout: downloadMs,
      maxBuffer: maxOutputBytes,
      ...options,
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...options.env },
    };
    execFile(file, argv, settings, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout);
      else reject(new Error(`${file}: ${lastLine(stderr) || cause.message}`, { cause }));
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

let updated: Promise<string> | undefined;

/** Reads the package lists anew, once in a process. Only root may. */
function updateLists(): Promise<string> {
  updated ??= run('apt-get', [...aptOptions, 'update']);
  return updated;
}

/** Does it; where that fails, and root can have newer package lists, does it again with those. */
async function withLists(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    if (process.getuid?.() !== 0) throw cause;
    await updateLists();
    await action();
  }
}

/**
 * A program out of a Debian package: the installed one where there is one, otherwise from the package
 * downloaded and unpacked below .cache/debian/, nothing being installed. `path` is where the package
 * has it. Programs that bring shared libraries in other packages need `ensureInstalled`.
 */
export async function debianBinary(packageName: string, path: string): Promise<string> {
  if (existsSync(path)) return path;
  const tree = join(cache, 'debian', packageName);
  if (!existsSync(join(tree, path))) {
    try {
      await unpack(packageName, tree);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `${basename(path)} is not installed and its package cannot be downloaded (${reason}): ` +
          `run apt-get install --no-install-recommends ${packageName}.`,
        { cause },
      );
    }
  }
  const binary = join(tree, path);
  if (!existsSync(binary)) throw new Error(`Debian's package ${packageName} has no ${path}.`);
  return binary;
}

/** Unpacks beside `tree` and renames, so that whoever sees it sees all of it. */
async function unpack(packageName: string, tree: string): Promise<void> {
  const work = `${tree}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'tree'), { recursive: true });
  try {
    await withLists(() => run('apt-get', [...aptOptions, 'download', packageName], { cwd: work }));
    const file = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get download left no file');
    await run('dpkg-deb', ['--extract', join(work, file), join(work, 'tree')]);
    if (!existsSync(tree)) renameSync(join(work, 'tree'), tree);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Installs what of these Debian packages is missing; who may not is told the command. */
export async function ensureInstalled(
  packages: readonly string[],
  uid = process.getuid?.(),
): Promise<void> {
  const missing: string[] = [];
  for (const name of packages) if (!(await isInstalled(name))) missing.push(name);
  if (missing.length === 0) return;
  const command = ['install', '-y', '--no-install-recommends', ...missing];
  try {
    if (uid !== 0) throw new Error('only root may install them');
    await withLists(() => run('apt-get', [...aptOptions, ...command]));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `The tests need Debian packages that are not installed (${reason}): ` +
        `run apt-get ${command.join(' ')}.`,
      { cause },
    );
  }
}

async function isInstalled(packageName: string): Promise<boolean> {
  try {
    return (await run('dpkg', ['--status', packageName])).includes(
      '\nStatus: install ok installed\n',
    );
  } catch {
    return false;
  }
}
