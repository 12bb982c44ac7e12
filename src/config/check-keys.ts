import { componentKeys, hostKeys } from './component-keys.ts';
import { httpKeys, tcpKeys } from './endpoint-keys.ts';
import type { KeyTable } from './key.ts';
import { DAY, HOUR, MINUTE, SECOND } from './time.ts';

const none = Object.freeze(new Map<string, never>());

/** Checks of one kind: each is looked at on its own, 3,000 within a second or two. */
const MAX_CHECKS = 10_000;

export const checkKeys = {
  interval: {
    type: 'duration',
    default: 30 * SECOND,
    min: SECOND,
    max: DAY,
    doc: 'How often components are looked for.',
    reload: true,
  },
  timeout: {
    type: 'duration',
    default: 2 * SECOND,
    min: 10,
    max: 5 * MINUTE,
    doc: 'Time limit of one look at all processes, regular expressions included.',
    reload: true,
  },
  failures: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 1_000,
    doc: 'Bad results in a row before a check is told to be down.',
    reload: true,
  },
  successes: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 1_000,
    doc: 'Good results in a row before it is told to be up again.',
    reload: true,
  },
  grace: {
    type: 'duration',
    default: 0,
    min: 0,
    max: HOUR,
    doc: 'How long a check must be down before that is told.',
    reload: true,
  },
  process_exporter_names: {
    type: 'boolean',
    default: false,
    doc: 'Serve the numbers of components under the names of process-exporter too.',
    reload: false,
  },
  blackbox_exporter_names: {
    type: 'boolean',
    default: false,
    doc: 'Answer `/probe?target=...` under the names of blackbox_exporter, from the latest result.',
    reload: false,
  },
  groups: {
    type: 'map-of',
    of: {
      type: 'texts',
      default: Object.freeze([]),
      doc: 'Names of components.',
      reload: true,
    },
    names: 'GROUP',
    max: 1_000,
    default: none,
    doc: 'Components under one name, for `hosts`.',
    example: 'streaming: [kafka zookeeper server, kafka server]',
    reload: true,
  },
  components: {
    type: 'map-of',
    of: componentKeys,
    names: 'COMPONENT',
    max: MAX_CHECKS,
    default: none,
    doc: 'What a platform is made of: processes that are known by their arguments, or units.',
    example:
      'kafka server:\n  criteria:\n    - index: 0\n      regex: java\n    - index: any\n      regex: kafka\\.Kafka\n  depends_on: [kafka zookeeper server]\n  start: [/opt/kafka/bin/kafka-server-start.sh, -daemon, config/server.properties]\n  user: kafka\nkafka zookeeper server:\n  unit: zookeeper.service',
    reload: true,
  },
  hosts: {
    type: 'map-of',
    of: hostKeys,
    names: 'HOST',
    max: MAX_CHECKS,
    default: none,
    doc: 'Which components belong on which host.',
    example:
      'c9t17308:\n  groups: [ITG]\n  ip: 10.0.0.8\n  components: [kafka server]\nevery c2 host:\n  names: [c2*]\n  components: [streaming]',
    reload: true,
  },
  tcp: {
    type: 'map-of',
    of: tcpKeys,
    names: 'NAME',
    max: MAX_CHECKS,
    default: none,
    doc: 'TCP services: up when a connection is established.',
    example: 'database:\n  host: db.example.org\n  port: 5432',
    reload: true,
  },
  http: {
    type: 'map-of',
    of: httpKeys,
    names: 'NAME',
    max: MAX_CHECKS,
    default: none,
    doc: 'HTTP services: up when they answer as expected.',
    example:
      'shop:\n  url: https://shop.example.org/health\n  interval_sec: 30\n  expected_status: 2xx\n  check_regex: true\n  regex: \'"status": *"ok"\'',
    reload: true,
  },
} as const satisfies KeyTable;
