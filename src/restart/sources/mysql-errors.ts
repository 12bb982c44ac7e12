import { SourceError } from '../contract.ts';
import { quoted } from './name.ts';

/** How the database is reached, as the configuration has it; durations in milliseconds. */
export interface MysqlOptions {
  readonly host: string;
  readonly port: number;
  /** Path of the server's socket, instead of host and port. */
  readonly socket?: string | undefined;
  readonly user: string;
  readonly password?: { reveal(): string } | undefined;
  readonly database: string;
  /**
   * `preferred`: encrypted where the server offers it; `required`: always; `verify`: and its
   * certificate is checked, with its name.
   */
  readonly tls: 'off' | 'preferred' | 'required' | 'verify';
  /** PEM; without it the certificate authorities that come with Node. */
  readonly ca_file?: string | undefined;
  readonly connect_timeout: number;
  readonly query_timeout: number;
  /** Connections at one time. */
  readonly pool_size?: number | undefined;
}

type Says = (options: MysqlOptions) => string;

/** What will not go away by itself, by error code, with what to do. */
const refusals: Readonly<Record<string, Says>> = {
  ER_ACCESS_DENIED_ERROR: ({ user, tls }) =>
    `the database refused user ${quoted(user)}: check database.user and database.password${tls === 'off' ? ', and database.tls where this user must come encrypted' : ''}`,
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: ({ user }) =>
    `the database refused user ${quoted(user)}: check database.user and database.password`,
  ER_DBACCESS_DENIED_ERROR: ({ user, database }) =>
    `user ${quoted(user)} may not use the database ${quoted(database)}: check database.database, or grant it SELECT`,
  ER_BAD_DB_ERROR: ({ database }) =>
    `there is no database ${quoted(database)}: check database.database`,
  ER_NO_SUCH_TABLE: ({ database }) =>
    `the database ${quoted(database)} has no table STATUS_PROCESS or PROCESE: check database.database, or run unitwatch alarms init`,
  ER_BAD_FIELD_ERROR: () =>
    'a column is missing: STATUS_PROCESS needs process_id, alarma, sound and notes, PROCESE needs process_id and process_name',
  ER_TABLEACCESS_DENIED_ERROR: ({ user }) =>
    `user ${quoted(user)} lacks a privilege: it needs SELECT on STATUS_PROCESS and PROCESE at least`,
  ER_COLUMNACCESS_DENIED_ERROR: ({ user }) =>
    `user ${quoted(user)} lacks a privilege on a column: it needs SELECT on STATUS_PROCESS and PROCESE at least`,
  ER_HOST_NOT_PRIVILEGED: () => 'the database takes no connections from this host: grant them',
  ER_HOST_IS_BLOCKED: () =>
    'the database has blocked this host after many errors: run mysqladmin flush-hosts there',
  ER_SECURE_TRANSPORT_REQUIRED: () =>
    'the database takes encrypted connections only: set database.tls to required or verify',
  ER_MUST_CHANGE_PASSWORD_LOGIN: ({ user }) => `the password of ${quoted(user)} has expired`,
  ER_MUST_CHANGE_PASSWORD: ({ user }) => `the password of ${quoted(user)} has expired`,
  ER_ACCOUNT_HAS_BEEN_LOCKED: ({ user }) => `the account of ${quoted(user)} is locked`,
  AUTH_SWITCH_PLUGIN_ERROR: ({ user }) =>
    `user ${quoted(user)} cannot sign in with a password: give it mysql_native_password, or another plugin with a password`,
  HANDSHAKE_NO_SSL_SUPPORT: ({ tls }) =>
    `the database offers no TLS and database.tls is ${tls}: set it up there, or set database.tls to preferred`,
  HANDSHAKE_SSL_ERROR: ({ tls }) =>
    tls === 'verify'
      ? "the database's certificate is not trusted: check database.ca_file, and that database.host is a name in it"
      : 'TLS with the database failed: its versions or ciphers are not the ones allowed here',
  EACCES: ({ socket = '' }) => `the socket ${quoted(socket)} may not be used by this user`,
};

/** The database, not the command, is at fault, and may be well later. */
const outages: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOENT: 'the socket is not there',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name cannot be looked up',
  ETIMEDOUT: 'it does not answer within database.connect_timeout',
  PROTOCOL_SEQUENCE_TIMEOUT: 'it does not answer within database.query_timeout',
  PROTOCOL_CONNECTION_LOST: 'the connection was lost',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
  ER_STATEMENT_TIMEOUT: 'a statement took longer than database.query_timeout',
  ER_QUERY_TIMEOUT: 'a statement took longer than database.query_timeout',
  ER_LOCK_WAIT_TIMEOUT: 'a row or table is locked by somebody else',
  ER_LOCK_DEADLOCK: 'others lock the same rows again and again',
  ER_CON_COUNT_ERROR: 'it has too many connections',
  ER_TOO_MANY_USER_CONNECTIONS: 'this user has too many connections',
  ER_USER_LIMIT_REACHED: 'this user has used up its connections for this hour',
  ER_SERVER_SHUTDOWN: 'it is being stopped',
};

/** MariaDB's own errors, which the driver knows by number only (mariadb.com/kb/en/mariadb-error-codes). */
const mariaDbCodes: Readonly<Record<number, string>> = {
  1969: 'ER_STATEMENT_TIMEOUT',
  4151: 'ER_ACCOUNT_HAS_BEEN_LOCKED',
};

/** The code of an error, whichever way it is given; empty where there is none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const number = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  return mariaDbCodes[number] ?? '';
}

/** The server has refused one statement; the connection is as it was. */
export function isOfStatement(error: unknown): boolean {
  const isFatal = error instanceof Error && 'fatal' in error && error.fatal === true;
  return (
    !isFatal && codeOf(error).startsWith('ER_') && error instanceof Error && 'sqlState' in error
  );
}

/** Privileges that are missing, or a server that takes no writes. */
export function isDenied(error: unknown): boolean {
  return [
    'ER_TABLEACCESS_DENIED_ERROR',
    'ER_COLUMNACCESS_DENIED_ERROR',
    'ER_DBACCESS_DENIED_ERROR',
    'ER_OPTION_PREVENTS_STATEMENT',
    'ER_READ_ONLY_MODE',
    'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
    'ER_OPEN_AS_READONLY',
    'ER_NON_UPDATABLE_TABLE',
    'ER_VIEW_INVALID',
  ].includes(codeOf(error));
}

/** Any error of the driver as one sentence. */
export function mysqlError(error: unknown, options: MysqlOptions): SourceError {
  if (error instanceof SourceError) return error;
  const code = codeOf(error);
  const says = Object.hasOwn(refusals, code) ? refusals[code] : undefined;
  if (says) return new SourceError('refused', `${capital(says(options))} (${code}).`, error);
  const at =
    options.socket === undefined
      ? quoted(`${options.host}:${options.port}`)
      : quoted(options.socket);
  const why = Object.hasOwn(outages, code) ? outages[code] : undefined;
  const reason = why ?? (error instanceof Error ? quoted(error.message) : 'unknown');
  const suffix = code === '' ? '' : ` (${code})`;
  return new SourceError(
    'down',
    `The database at ${at} cannot be used: ${reason}${suffix}.`,
    error,
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
