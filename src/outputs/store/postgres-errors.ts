import { StoreError } from './contract.ts';

/** It is the row: too large, or what a check or a type does not take. */
export class PoisonError extends Error {}

/** SQLSTATEs, postgresql.org/docs/current/errcodes-appendix.html, that the user has to do something about. */
const refusals: Readonly<Record<string, string>> = {
  '28P01': 'the user or the password is wrong: check store.postgres.user and .password',
  '28000': 'it does not let this user in: check pg_hba.conf, and store.postgres.tls',
  '3D000': 'there is no such database: create it, or check store.postgres.database',
  '3F000': 'there is no schema unitwatch: run unitwatch store init',
  '42P01': 'a table is missing: run unitwatch store init',
  '42703': 'a column is missing: run unitwatch store init',
  '42883': 'a function is missing: run unitwatch store init',
  '42501':
    'this user may not do that: run unitwatch store init --grant USER as the owner of the database',
  '25006': 'it takes no changes: it is a standby, or its transactions are read-only',
};

/** SQLSTATEs, or classes of them, that pass by themselves. */
const outages: Readonly<Record<string, string>> = {
  '55P03': 'somebody has locked the table',
  '57014': 'a statement took too long',
  '57P01': 'it was shut down',
  '57P02': 'it has crashed',
  '57P03': 'it is starting or stopping',
  '53': 'it is out of room, memory or connections',
};

/** Classes of errors that belong to a row: data exception, constraint, limit, RAISE in a trigger. */
const poison: ReadonlySet<string> = new Set(['22', '23', '54', 'P0']);

/** Any error of the connection or the server, as what it means. */
export function postgresError(error: unknown): StoreError | PoisonError {
  if (error instanceof StoreError || error instanceof PoisonError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? oneLine(error.message) : 'unknown error';
  // A row for which there is no partition: the table lacks one, and takes the row when it has it.
  const lacksPartition = code === '23514' && message.startsWith('no partition');
  if (poison.has(code.slice(0, 2)) && code.length === 5 && !lacksPartition) {
    return new PoisonError(message, { cause: error });
  }
  const refusal = lacksPartition ? `${message}: run unitwatch store init` : refusals[code];
  if (refusal !== undefined) return new StoreError('refused', `PostgreSQL: ${refusal}.`, error);
  if (/certificate|self.signed|altnames/i.test(message)) {
    const what = `${message.replace(/[\s:.]+$/, '')}: check store.postgres.tls and .ca_file`;
    return new StoreError('refused', `PostgreSQL: ${what}.`, error);
  }
  if (/client password must be/.test(message)) {
    const what = 'it asks for a password: set store.postgres.password or .password_file';
    return new StoreError('refused', `PostgreSQL: ${what}.`, error);
  }
  const why = outages[code] ?? outages[code.slice(0, 2)] ?? (message || code);
  return new StoreError('down', `PostgreSQL cannot be used: ${why}.`, error);
}

/** What an error says of its kind: a SQLSTATE, or one of the system such as ECONNREFUSED. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What a server says is shown, but cannot steer a terminal or fill a log. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 300);
}
