import type { KeyTable } from './key.ts';

const none = Object.freeze([] as const);

const criterionKeys = {
  index: {
    type: 'argument-index',
    default: undefined,
    required: true,
    doc: 'Which argument: 0 is the program, -1 the last one, `any` any of them.',
    reload: true,
  },
  regex: {
    type: 'regex',
    variables: true,
    default: undefined,
    required: true,
    doc: `Regular expression that is searched in it; \`\${host.ip}\` and other variables of the host may stand in it.`,
    reload: true,
  },
} as const satisfies KeyTable;

/** One component of a platform. */
export const componentKeys = {
  criteria: {
    type: 'list-of',
    of: criterionKeys,
    max: 64,
    default: none,
    doc: 'What the argument list of its process must have: all of them must match.',
    reload: true,
  },
  unit: {
    type: 'text',
    default: undefined,
    default_doc: 'none',
    doc: 'The systemd unit that it is, in place of `criteria`.',
    reload: true,
  },
  expected: {
    type: 'span',
    max: 100_000,
    default: Object.freeze({ min: 1, max: undefined }),
    doc: 'How many processes there should be: `1`, `2-4`, `1+`.',
    reload: true,
  },
  depends_on: {
    type: 'texts',
    default: none,
    doc: 'Components on the same host without which it does not work.',
    reload: true,
  },
  start: {
    type: 'command',
    default: undefined,
    default_doc: 'none',
    doc: 'Starts it.',
    reload: true,
  },
  stop: {
    type: 'command',
    default: undefined,
    default_doc: 'SIGTERM to its processes',
    doc: 'Stops it.',
    reload: true,
  },
  user: {
    type: 'text',
    default: undefined,
    default_doc: 'any',
    doc: 'The user to whom its processes belong, and as whom it is started.',
    reload: true,
  },
  working_directory: {
    type: 'path',
    default: undefined,
    default_doc: '`/`',
    doc: 'Where its commands run.',
    reload: true,
  },
} as const satisfies KeyTable;

/** One host, or the hosts that `names` matches. */
export const hostKeys = {
  names: {
    type: 'patterns',
    default: none,
    default_doc: 'its own name',
    doc: 'Host names for which it stands, without regard to case.',
    reload: true,
  },
  groups: {
    type: 'texts',
    default: none,
    doc: 'Environments to which it belongs, such as `ITG`.',
    reload: true,
  },
  ip: {
    type: 'text',
    default: undefined,
    default_doc: 'the address of its own name',
    doc: `The address that \`\${host.ip}\` stands for.`,
    reload: true,
  },
  variables: {
    type: 'map-of',
    of: {
      type: 'text',
      default: undefined,
      doc: 'What the variable stands for.',
      reload: true,
    },
    names: 'VARIABLE',
    max: 64,
    default: Object.freeze(new Map<string, never>()),
    doc: `What \`\${host.VARIABLE}\` stands for in the criteria.`,
    reload: true,
  },
  components: {
    type: 'texts',
    default: none,
    doc: 'Components, and groups of components, that belong on it.',
    reload: true,
  },
} as const satisfies KeyTable;
