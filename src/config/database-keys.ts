import type { KeyTable } from './key.ts';
import { MINUTE, SECOND } from './time.ts';

/** Where alarms stand: the tables `STATUS_PROCESS` and `PROCESE`. */
export const databaseKeys = {
  driver: {
    type: 'one-of',
    default: 'off',
    values: ['off', 'mysql', 'sqlite'],
    doc: 'The database in which alarms stand: MySQL or MariaDB, an SQLite file, or none.',
    reload: false,
  },
  host: {
    type: 'text',
    default: 'localhost',
    doc: 'Host of the MySQL server.',
    reload: false,
  },
  port: {
    type: 'integer',
    default: 3306,
    min: 1,
    max: 65_535,
    doc: 'Its TCP port.',
    reload: false,
  },
  socket: {
    type: 'path',
    default: undefined,
    default_doc: 'none: TCP',
    doc: 'Its Unix socket, instead of host and port.',
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
    default: 'v_process_monitor',
    doc: 'The database in it that has the tables.',
    reload: false,
  },
  path: {
    type: 'path',
    default: undefined,
    default_doc: '`alarms.sqlite` in `state_directory`',
    doc: 'The SQLite file.',
    reload: false,
  },
  tls: {
    type: 'one-of',
    default: 'preferred',
    values: ['off', 'preferred', 'required', 'verify'],
    doc: 'TLS to the MySQL server: `preferred` goes on without where the server has none, `verify` also checks its certificate and its name.',
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
    default: 5 * SECOND,
    min: 100,
    max: 5 * MINUTE,
    doc: 'Time limit of a query.',
    reload: false,
  },
  pool_size: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 64,
    doc: 'Connections at one time.',
    reload: false,
  },
} as const satisfies KeyTable;
