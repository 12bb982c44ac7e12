import type { KeyTable } from './key.ts';

const smtpKeys = {
  host: {
    type: 'text',
    default: undefined,
    default_doc: 'none: nobody is told by mail',
    doc: 'The mail server for callers who are told by e-mail.',
    reload: false,
  },
  port: {
    type: 'integer',
    default: 587,
    min: 1,
    max: 65_535,
    doc: 'Its TCP port.',
    reload: false,
  },
  tls: {
    type: 'one-of',
    default: 'starttls',
    values: ['tls', 'starttls', 'off'],
    doc: 'TLS to the mail server: `tls` from the first byte, `starttls` before anything else is said, or `off`.',
    reload: false,
  },
  ca_file: {
    type: 'path',
    default: undefined,
    default_doc: 'the certification authorities of Node.js',
    doc: 'Certificates of the authorities that its certificate may be signed by, PEM.',
    reload: false,
  },
  user: {
    type: 'text',
    default: undefined,
    default_doc: 'none: it is not signed in',
    doc: 'User at the mail server.',
    reload: false,
  },
  password: {
    type: 'secret',
    default: undefined,
    default_doc: 'none',
    doc: 'The password of that user.',
    reload: false,
  },
  from: {
    type: 'text',
    default: 'unitwatch@localhost',
    doc: 'Address of the sender.',
    reload: false,
  },
} as const satisfies KeyTable;

/** Services, callers, subscriptions and planned outages that are changed while the agent runs. */
export const monitorKeys = {
  enabled: {
    type: 'boolean',
    default: false,
    doc: 'Look at services and tell callers what they have subscribed to; see docs/subscriptions.md.',
    reload: false,
  },
  path: {
    type: 'path',
    default: undefined,
    default_doc: '`monitor.sqlite` in `state_directory`',
    doc: 'The SQLite file in which services, callers, subscriptions and outages are kept.',
    reload: false,
  },
  allow_commands: {
    type: 'boolean',
    default: false,
    doc: 'Whether callers who are told by a command may be entered over the API: who knows `page.token` can then run anything as the user of the agent.',
    reload: true,
  },
  smtp: smtpKeys,
} as const satisfies KeyTable;
