import type { KeyTable } from './key.ts';
import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

const postgresKeys = {
  url: {
    type: 'secret',
    default: undefined,
    default_doc: 'none',
    doc: 'Where PostgreSQL is, in one: `postgres://user:password@host:5432/database?sslmode=verify-full`; hidden where it is shown. With neither `url` nor `host` rows stay in the local database.',
    reload: false,
  },
  host: {
    type: 'text',
    default: undefined,
    default_doc: 'none',
    doc: 'Its host, or the directory of its Unix socket, in place of `url`.',
    reload: false,
  },
  port: {
    type: 'integer',
    default: 5432,
    min: 1,
    max: 65_535,
    doc: 'Its TCP port.',
    reload: false,
  },
  user: {
    type: 'text',
    default: 'unitwatch',
    doc: 'Its user.',
    reload: false,
  },
  password: {
    type: 'secret',
    default: undefined,
    default_doc: 'none',
    doc: 'The password of that user.',
    reload: false,
  },
  database: {
    type: 'text',
    default: 'unitwatch',
    doc: 'The database in it; `unitwatch store init` makes the tables there.',
    reload: false,
  },
  tls: {
    type: 'one-of',
    default: 'preferred',
    values: ['off', 'preferred', 'required', 'verify'],
    doc: 'TLS to PostgreSQL: `preferred` goes on without where the server has none, `verify` also checks its certificate and its name.',
    reload: false,
  },
  ca_file: {
    type: 'path',
    default: undefined,
    default_doc: 'the certification authorities of Node.js',
    doc: 'Certificates of the authorities that `verify` trusts, PEM.',
    reload: false,
  },
  connect_timeout: {
    type: 'duration',
    default: 5 * SECOND,
    min: 100,
    max: 5 * MINUTE,
    doc: 'Time limit of a connection.',
    reload: false,
  },
  query_timeout: {
    type: 'duration',
    default: 30 * SECOND,
    min: 100,
    max: 10 * MINUTE,
    doc: 'Time limit of a statement.',
    reload: false,
  },
  lock_timeout: {
    type: 'duration',
    default: 5 * SECOND,
    min: 100,
    max: 5 * MINUTE,
    doc: 'How long a statement waits for a lock that somebody else holds, before it is tried again later.',
    reload: false,
  },
} as const satisfies KeyTable;

/** Results and events, kept on disk and forwarded to PostgreSQL. */
export const storeKeys = {
  enabled: {
    type: 'boolean',
    default: false,
    doc: 'Keep probes of endpoints, and events, on disk, and forward them to PostgreSQL where one is named.',
    reload: false,
  },
  path: {
    type: 'path',
    default: undefined,
    default_doc:
      '`store.db` in `state_directory`; in `~/.unitwatch` where neither root nor systemd runs it',
    doc: 'The local database, an SQLite file.',
    reload: false,
  },
  keep: {
    type: 'one-of',
    default: 'both',
    values: ['both', 'results', 'events'],
    doc: 'What is stored.',
    reload: false,
  },
  max_size: {
    type: 'integer',
    default: 512,
    min: 1,
    max: 1_048_576,
    doc: 'How large the local database may grow, MiB; beyond it the oldest rows are deleted and counted.',
    reload: false,
  },
  max_age: {
    type: 'duration',
    default: 7 * DAY,
    min: MINUTE,
    max: 366 * DAY,
    doc: 'How long rows may stay in the local database; older ones are deleted and counted.',
    reload: false,
  },
  batch: {
    type: 'integer',
    default: 500,
    min: 1,
    max: 2_000,
    doc: 'Rows in one transaction.',
    reload: false,
  },
  export_interval: {
    type: 'duration',
    default: 5 * SECOND,
    min: 100,
    max: HOUR,
    doc: 'How often rows are moved to PostgreSQL, where fewer than a batch wait.',
    reload: false,
  },
  postgres: postgresKeys,
} as const satisfies KeyTable;
