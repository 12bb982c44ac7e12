import type { KeyTable } from './key.ts';
import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

const none = Object.freeze(new Map<string, never>());

const thresholdKeys = {
  failures: {
    type: 'integer',
    default: undefined,
    default_doc: 'that of `checks.failures`',
    min: 1,
    max: 1_000,
    doc: 'Bad results in a row before it is told to be down.',
    reload: true,
  },
  successes: {
    type: 'integer',
    default: undefined,
    default_doc: 'that of `checks.successes`',
    min: 1,
    max: 1_000,
    doc: 'Good results in a row before it is told to be up again.',
    reload: true,
  },
  grace: {
    type: 'duration',
    default: undefined,
    default_doc: 'that of `checks.grace`',
    min: 0,
    max: HOUR,
    doc: 'How long it must be down before that is told.',
    reload: true,
  },
} as const satisfies KeyTable;

export const tcpKeys = {
  host: {
    type: 'text',
    default: undefined,
    required: true,
    doc: 'Host name, IPv4 or IPv6 address.',
    reload: true,
  },
  port: {
    type: 'integer',
    default: undefined,
    required: true,
    min: 1,
    max: 65_535,
    doc: 'TCP port.',
    reload: true,
  },
  interval: {
    type: 'duration',
    default: 10 * SECOND,
    min: SECOND,
    max: DAY,
    doc: 'How often it is connected to.',
    reload: true,
  },
  timeout: {
    type: 'duration',
    default: 5 * SECOND,
    min: 10,
    max: 5 * MINUTE,
    doc: 'How long it may take to establish the connection.',
    reload: true,
  },
  ...thresholdKeys,
} as const satisfies KeyTable;

/** Times are in seconds, as their names say, because they were so before there was a unit. */
export const httpKeys = {
  url: {
    type: 'url',
    default: undefined,
    required: true,
    doc: 'What is asked for, http or https.',
    reload: true,
  },
  method: {
    type: 'one-of',
    default: 'GET',
    values: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'],
    doc: 'Method of the request.',
    reload: true,
  },
  headers: {
    type: 'map-of',
    of: { type: 'text', default: undefined, doc: 'Its value.', reload: true },
    names: 'HEADER',
    max: 64,
    default: none,
    doc: 'Headers of the request.',
    reload: true,
  },
  secret_headers: {
    type: 'map-of',
    of: { type: 'secret', default: undefined, doc: 'Its value.', reload: true },
    names: 'HEADER',
    max: 64,
    default: none,
    doc: 'Headers whose values are secrets, such as `Authorization`.',
    reload: true,
  },
  body: {
    type: 'text',
    default: undefined,
    default_doc: 'none',
    doc: 'Body of the request.',
    reload: true,
  },
  expected_status: {
    type: 'status-codes',
    default: Object.freeze([Object.freeze({ min: 200, max: 299 })]),
    doc: 'Status codes with which it is up: `204`, `2xx`, `200-299`, or several: `[2xx, 404]`.',
    reload: true,
  },
  regex: {
    type: 'regex',
    default: undefined,
    default_doc: 'none',
    doc: 'Regular expression that is searched in the body where `check_regex` is on.',
    reload: true,
  },
  check_regex: {
    type: 'boolean',
    default: false,
    doc: 'Whether the body must match `regex`.',
    reload: true,
  },
  follow_redirects: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 20,
    doc: 'Redirects that are followed; 0 takes a redirect as the answer.',
    reload: true,
  },
  tls_verify: {
    type: 'boolean',
    default: true,
    doc: 'Whether its certificate must be valid.',
    reload: true,
  },
  certificate_warning: {
    type: 'duration',
    default: 14 * DAY,
    min: 0,
    max: 365 * DAY,
    doc: 'A certificate that ends earlier is warned of, once; `0s`: never.',
    reload: true,
  },
  interval_sec: {
    type: 'integer',
    default: 5,
    min: 5,
    max: 300,
    doc: 'How often it is asked, seconds.',
    reload: true,
  },
  timeout: {
    type: 'integer',
    default: 15,
    min: 1,
    max: 300,
    doc: 'How long the whole answer may take, seconds.',
    reload: true,
  },
  ...thresholdKeys,
} as const satisfies KeyTable;
