import type { PoolConfig } from 'pg';
import { StoreError } from './contract.ts';

export const tlsModes = ['off', 'preferred', 'required', 'verify'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** Where PostgreSQL is; times in milliseconds. */
export interface PostgresSettings {
  /** `postgres://user:password@host:port/database?sslmode=verify-full`, instead of what follows. */
  readonly url: string | undefined;
  /** Host name, address, or the directory of a Unix socket. */
  readonly host: string | undefined;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: TlsMode;
  /** Certificates that `verify` trusts, PEM; those of Node.js where undefined. */
  readonly ca: string | undefined;
  readonly connectTimeoutMs: number;
  readonly queryTimeoutMs: number;
  /** How long a statement waits for a lock. */
  readonly lockTimeoutMs: number;
}

/** What a connection is made with; `tls` decides about `ssl`. */
export type Target = Required<
  Pick<PoolConfig, 'host' | 'port' | 'user' | 'database' | 'connectionTimeoutMillis'>
> &
  Pick<PoolConfig, 'password'> & { readonly tls: TlsMode };

/** libpq's names for how much TLS there is to be (libpq-ssl, table 34.1). */
const sslModes: Readonly<Record<string, TlsMode>> = {
  disable: 'off',
  allow: 'preferred',
  prefer: 'preferred',
  require: 'required',
  'verify-ca': 'verify',
  'verify-full': 'verify',
};

/**
 * Where to connect. Nothing is taken from the `PG...` variables of the environment.
 * @throws StoreError `refused` with a sentence; never with the URL in it, which holds a password
 */
export function targetOf(settings: PostgresSettings): Target {
  const { url, host, port, user, password, database, tls, connectTimeoutMs } = settings;
  const connectionTimeoutMillis = connectTimeoutMs;
  if (url === undefined) {
    if (host === undefined) throw refused('is not set: give store.postgres.url or .host');
    return { host, port, user, password: password ?? '', database, tls, connectionTimeoutMillis };
  }
  if (host !== undefined) throw refused('and store.postgres.host are both set: one is enough');
  const parsed = parse(url);
  if (parsed.hostname.includes(','))
    throw refused('names several hosts: give the one to connect to');
  if (parsed.port === '0') throw refused('has the port 0');
  return {
    host: parsed.searchParams.get('host') ?? hostOf(parsed),
    port: parsed.port === '' ? port : Number(parsed.port),
    user: decode(parsed.username) || user,
    password: decode(parsed.password) || (password ?? ''),
    database: decode(parsed.pathname.slice(1)) || database,
    tls: tlsOf(parsed) ?? tls,
    connectionTimeoutMillis,
  };
}

/** An IPv6 address stands in brackets there. */
function hostOf({ hostname }: URL): string {
  return decode(hostname.replace(/^\[(.*)\]$/, '$1')) || 'localhost';
}

function tlsOf({ searchParams }: URL): TlsMode | undefined {
  const strange = [...searchParams.keys()].find((key) => key !== 'sslmode' && key !== 'host');
  if (strange !== undefined) throw refused(`has an unknown parameter ${JSON.stringify(strange)}`);
  const mode = searchParams.get('sslmode');
  if (mode === null) return undefined;
  if (Object.hasOwn(sslModes, mode)) return sslModes[mode];
  throw refused(`has an unknown sslmode: one of ${Object.keys(sslModes).join(', ')}`);
}

function parse(url: string): URL {
  try {
    const parsed = new URL(url);
    if (parsed.protocol === 'postgres:' || parsed.protocol === 'postgresql:') return parsed;
  } catch {
    // The error has the URL in it.
  }
  throw refused('is no URL like postgres://user@host:5432/database');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused('has a % that stands for no character');
  }
}

function refused(what: string): StoreError {
  return new StoreError('refused', `store.postgres.url ${what}.`);
}
