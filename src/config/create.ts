import { StoreError } from '../outputs/store/contract.ts';
import { targetOf } from '../outputs/store/postgres-target.ts';
import { closeEdit, openForEdit } from './edit-file.ts';
import type { FileRead } from './file.ts';
import type { Faults, NewText } from './rewrite.ts';
import { hasControl } from './shown.ts';
import { storeKeys } from './store-keys.ts';
import { type Edited, removeEntry, setFields } from './yaml-edit.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const likeThis =
  'is no URL like postgres://user:password@host:5432/database; in a password / is written as %2F, ? as %3F, # as %23 and % as %25';

/** What is wrong with a PostgreSQL URL, without the URL: a password may be in it. */
export function postgresUrlFault(url: string): string | undefined {
  if (hasControl(url) || /\s/.test(url)) return 'holds blanks or control characters';
  const rest = /^postgres(?:ql)?:\/\/(.*)$/.exec(url)?.[1];
  if (rest === undefined || !URL.canParse(url)) return likeThis;
  const { pathname, hash, hostname, search, searchParams } = new URL(url);
  // What stands behind the host may be half a password: no name of a database has these.
  if (hash !== '' || /[/@:]/.test(pathname.slice(1)) || search.includes('@')) return likeThis;
  if (hostname === '' && !searchParams.has('host')) return 'names no host';
  try {
    targetOf({
      ...{ url, host: undefined, password: undefined, ca: undefined },
      port: storeKeys.postgres.port.default,
      user: storeKeys.postgres.user.default,
      database: storeKeys.postgres.database.default,
      tls: storeKeys.postgres.tls.default,
      connectTimeoutMs: storeKeys.postgres.connect_timeout.default,
      queryTimeoutMs: storeKeys.postgres.query_timeout.default,
      lockTimeoutMs: storeKeys.postgres.lock_timeout.default,
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error.message.replace(/^store\.postgres\.url /, '').replace(/\.$/, '');
  }
}

/** The URL as it may be shown: everything but the password, or undefined where that is not certain. */
export function shownPostgresUrl(url: string): string | undefined {
  if (postgresUrlFault(url) !== undefined) return undefined;
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return shown.href;
}

const head = `# The configuration of unitwatch. Every key stands in docs/configuration.md;
# \`unitwatch config check\` says what is wrong, \`unitwatch config show\` what is in effect.
`;

/** The text of a new configuration whose store forwards to a PostgreSQL. */
export async function newConfig(url: string): Promise<Edited> {
  return withPostgres(head, url);
}

async function withPostgres(text: string, url: string): Promise<Edited> {
  const enabled = await setFields(text, ['store'], [['enabled', true]]);
  return 'fault' in enabled
    ? enabled
    : setFields(enabled.text, ['store', 'postgres'], [['url', url]]);
}

/** Keys of `store.postgres` that say where another server is, and who connects to it. */
const elsewhere = ['host', 'port', 'user', 'password', 'password_file', 'database', 'url_file'];

/**
 * The file with this PostgreSQL in its store. Where it names another one that is replaced only if
 * `replaces` is on.
 */
export async function addPostgres(
  file: FileRead,
  url: string,
  replaces: boolean,
  env: Environment,
): Promise<NewText | Faults | 'names another' | 'is so already'> {
  const opened = await openForEdit(file, env);
  if ('faults' in opened) return opened;
  const { config, origins } = opened;
  const isInFile = (key: string): boolean =>
    origins.get(`store.postgres.${key}`)?.source === 'file';
  if (isInFile('url') && config.store.postgres.url?.reveal() === url && config.store.enabled) {
    return 'is so already';
  }
  if ((isInFile('url') || isInFile('host')) && !replaces) return 'names another';
  let edited = await withPostgres(file.text, url);
  for (const name of elsewhere) {
    if ('text' in edited) edited = await removeEntry(edited.text, ['store', 'postgres', name]);
  }
  const done = await closeEdit({ ...file, worldReadable: false }, edited, env);
  return 'faults' in done ? done : { text: done.text, isPrivate: true };
}
