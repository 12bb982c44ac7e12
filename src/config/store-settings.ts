import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresSettings } from '../outputs/store/postgres-target.ts';
import type { StoreSettings } from '../outputs/store/store.ts';
import { isSomebodys } from './default-file.ts';
import type { Surroundings } from './key.ts';
import type { Config } from './keys.ts';
import { shown } from './shown.ts';

const mebibyte = 1_048_576;

/**
 * What `store:` says, as the store wants it; whether it is `enabled` is the caller's question.
 * @throws TypeError with a sentence for the user where `ca_file` cannot be read
 */
export async function storeSettings(
  config: Pick<Config, 'store' | 'state_directory'>,
  around: Surroundings,
): Promise<StoreSettings> {
  const { store } = config;
  return {
    local: {
      path: localPath(config, around),
      maxBytes: store.max_size * mebibyte,
      maxAgeUs: store.max_age * 1_000,
    },
    batch: store.batch,
    keep: store.keep,
    exportIntervalMs: store.export_interval,
    postgres: await postgresSettings(store.postgres),
  };
}

/** Where the local database is. */
export function localPath(
  { store, state_directory }: Pick<Config, 'store' | 'state_directory'>,
  around: Surroundings,
): string {
  return store.path ?? join(storeDirectory(state_directory, around), 'store.db');
}

/** A service has its state directory; somebody's own agent keeps results where he finds them. */
function storeDirectory(stateDirectory: string, around: Surroundings): string {
  return isSomebodys(around) ? join(around.home, '.unitwatch') : stateDirectory;
}

async function postgresSettings(
  postgres: Config['store']['postgres'],
): Promise<PostgresSettings | undefined> {
  if (postgres.url === undefined && postgres.host === undefined) return undefined;
  return {
    url: postgres.url?.reveal(),
    host: postgres.host,
    port: postgres.port,
    user: postgres.user,
    password: postgres.password?.reveal(),
    database: postgres.database,
    tls: postgres.tls,
    ca: postgres.ca_file === undefined ? undefined : await readCa(postgres.ca_file),
    connectTimeoutMs: postgres.connect_timeout,
    queryTimeoutMs: postgres.query_timeout,
    lockTimeoutMs: postgres.lock_timeout,
  };
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new TypeError(`store.postgres.ca_file: ${shown(path, 200)} cannot be read${code}.`, {
      cause,
    });
  }
}
