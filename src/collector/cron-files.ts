import { access, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Tables read; Debian has a dozen. */
const filesMax = 64;
/** A table is a few lines; what stands behind this is not read. */
const tableBytes = 65_536;
/** Names that cron takes for tables: none of those that editors and packages leave behind. */
const tableName = /^[A-Za-z0-9_-]+$/;
/** Where cron and cronie say that they run. */
const pidFiles = ['run/crond.pid', 'run/cron.pid'];

/** A table of the system: its path as people know it, and its text. */
export interface CronTable {
  readonly path: string;
  readonly text: string;
}

/**
 * The system's cron tables, /etc/crontab and /etc/cron.d; those of users may only be read by root and
 * are left out. None while no cron runs.
 */
export async function readCronTables(root: string): Promise<CronTable[]> {
  const runs = await Promise.all(pidFiles.map((file) => isThere(join(root, file))));
  if (!runs.includes(true)) return [];
  const names = await readdir(join(root, 'etc/cron.d')).catch(() => []);
  const chosen = names.filter((name) => tableName.test(name)).slice(0, filesMax - 1);
  const paths = ['/etc/crontab', ...chosen.map((name) => `/etc/cron.d/${name}`)];
  const tables: CronTable[] = [];
  for (const path of paths) {
    const text = await beginningOf(join(root, path));
    if (text !== undefined) tables.push({ path, text });
  }
  return tables;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** undefined where it cannot be read. */
async function beginningOf(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(tableBytes) });
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
