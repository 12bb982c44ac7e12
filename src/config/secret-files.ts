import { type KeyTable, keysOf } from './key.ts';
import { isSecret, makeSecret } from './secret.ts';
import type { Givens } from './setting.ts';
import { shown } from './shown.ts';

/** The text of a secret's file, what is wrong with it, or undefined where there is none. */
export type ReadSecret = (
  file: string,
) => Promise<{ readonly text: string } | { readonly what: string } | undefined>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Replaces the paths of secrets' files by the secrets; what nothing sets is looked for among
 * systemd's credentials (systemd.exec(5), `LoadCredential=`), under the path of its key.
 */
export async function resolveSecrets(
  table: KeyTable,
  givens: Givens,
  env: Environment,
  readSecret: ReadSecret,
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const [path, key] of keysOf(table)) {
    if (key.type !== 'secret') continue;
    const given = givens.get(path);
    const fault = given?.inFile
      ? await takeFile(path, String(given.value), givens, readSecret)
      : await takeCredential(path, env['CREDENTIALS_DIRECTORY'], givens, readSecret);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

async function takeFile(
  path: string,
  file: string,
  givens: Givens,
  readSecret: ReadSecret,
): Promise<string | undefined> {
  const given = givens.get(path);
  if (!given) return undefined;
  const read = await readSecret(file);
  if (!read || 'what' in read) {
    return `${shown(given.where, 300)}: ${path}_file: ${shown(file)} ${read?.what ?? 'does not exist'}`;
  }
  givens.set(path, { ...given, value: makeSecret(read.text), inFile: false });
  return undefined;
}

async function takeCredential(
  path: string,
  directory: string | undefined,
  givens: Givens,
  readSecret: ReadSecret,
): Promise<string | undefined> {
  if (directory === undefined || givens.has(path)) return undefined;
  const where = `${directory}/${path}`;
  const read = await readSecret(where);
  if (!read) return undefined;
  if ('what' in read) return `${path}: the credential ${shown(where)} ${read.what}`;
  const value = makeSecret(read.text);
  givens.set(path, { value, source: 'credential', where, inFile: false });
  return undefined;
}

/** There is a secret in it, however deep in maps, lists and records. */
export function holdsSecret(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (isSecret(value)) return true;
  const inner = value instanceof Map ? [...value.values()] : Object.values(value);
  return inner.some(holdsSecret);
}

/** The command that takes the right to read from everybody but owner and group. */
export function chmod(file: string): string {
  const plain = /^[\w./+:@%-]+$/.test(file);
  return `chmod o-r ${plain ? file : `'${shown(file, 200).replaceAll("'", "'\\''")}'`}`;
}
