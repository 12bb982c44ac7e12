/**
 * The repository checks its own shape: import direction, package ownership, banned words and
 * file sizes. Change a rule here, in the open, rather than working around it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** Which part may import which. A part may always import itself; order matters (first match). */
const stages = [
  ...['collector', 'patterns', 'deps', 'restart', 'checks', 'control', 'outputs', 'demo'],
].map((name) => `src/${name}`);
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/model': [],
  // Three stages have a file of SQLite each, and one of them may not know another.
  'src/sqlite.ts': [],
  // Commands of a person's are run by three stages that otherwise share nothing.
  'src/command': ['src/model'],
  ...Object.fromEntries(stages.map((stage) => [stage, ['src/model', 'src/sqlite.ts']])),
  'src/restart': ['src/model', 'src/command', 'src/sqlite.ts'],
  'src/checks': ['src/model', 'src/command', 'src/sqlite.ts'],
  'src/config': ['src/model', ...stages],
  'src/analysis.ts': ['src/model', 'src/config', ...stages],
  'src/checking.ts': ['src/model', 'src/config', ...stages],
  'src/control.ts': ['src/model', ...stages],
  'src/monitoring.ts': ['src/model', 'src/config', ...stages],
  'src/repair-hooks.ts': ['src/model', 'src/config', ...stages],
  'src/repair-rules.ts': ['src/model', 'src/config', ...stages],
  'src/repair-sources.ts': ['src/model', 'src/config', ...stages],
  'src/repair-units.ts': ['src/model', ...stages],
  'src/repairs.ts': [
    ...[
      'src/repair-hooks.ts',
      'src/repair-rules.ts',
      'src/repair-sources.ts',
      'src/repair-units.ts',
      'src/surroundings.ts',
      'src/model',
      'src/config',
    ],
    ...stages,
  ],
  'src/checked.ts': ['src/checking.ts', 'src/monitoring.ts', 'src/model', ...stages],
  'src/agent-view.ts': ['src/analysis.ts', 'src/checked.ts', 'src/model', ...stages],
  'src/storing.ts': ['src/surroundings.ts', 'src/model', 'src/config', ...stages],
  'src/agent-output.ts': ['src/surroundings.ts', 'src/model', ...stages],
  'src/surroundings.ts': ['src/model', 'src/config', ...stages],
  'src/pages.ts': ['src/control.ts', 'src/model', ...stages],
  'src/agent-pages.ts': [
    ...['checked', 'control', 'dependencies', 'pages', 'surroundings'].map(
      (name) => `src/${name}.ts`,
    ),
    ...['src/model', ...stages],
  ],
  'src/dependency-routes.ts': ['src/model', ...stages],
  'src/dependencies.ts': ['src/dependency-routes.ts', 'src/model', 'src/config', ...stages],
  'src/agent.ts': [
    ...[
      'agent-output',
      'agent-pages',
      'agent-view',
      'analysis',
      'dependencies',
      'checked',
      'checking',
      'pages',
    ].map((name) => `src/${name}.ts`),
    ...['repairs', 'storing', 'surroundings'].map((name) => `src/${name}.ts`),
    ...['src/model', 'src/config'],
    ...stages,
  ],
  cmd: ['src'],
  bench: ['src', 'test'],
  test: ['src', 'cmd', 'bench'],
};

/** Every third-party package has one owner in each part that uses it. */
const owner: Readonly<Record<string, string | readonly string[]>> = {
  'dbus-next': 'src/collector/bus.ts',
  'dbus-next/lib/connection.js': 'src/collector/bus.ts',
  'dbus-next/lib/message-type.js': 'src/collector/bus.ts',
  'ps-list': 'src/checks/',
  undici: ['src/checks/http/', 'src/checks/subscriptions/', 'src/restart/hooks-webhook.ts'],
  'undici/lib/dispatcher/client.js': 'src/checks/http/',
  re2js: 'src/checks/regex.ts',
  'simple-statistics': 'src/patterns/',
  'prom-client': 'src/outputs/',
  'prom-client/lib/registry.js': 'src/outputs/metrics.ts',
  // The reader, and where it found each value, for edits in place.
  yaml: ['src/config/yaml.ts', 'src/config/yaml-layout.ts'],
  'mysql2/promise': 'src/restart/sources/mysql-connections.ts',
  '@photostructure/sqlite': 'src/sqlite.ts',
  nodemailer: 'src/checks/subscriptions/channel-email.ts',
  pg: 'src/outputs/store/',
  pino: 'cmd/',
};

/** Files that take time, chance and the world as arguments, by folder. */
const pureFiles: Readonly<Record<string, readonly string[]>> = {
  'src/control/': ['target', 'steps', 'unit', 'harm'],
  'src/restart/': ['policy', 'breaker', 'budget', 'order', 'saved', 'engine(-\\w+)?'],
  'src/checks/': ['threshold', 'outages', 'endpoints-due', 'endpoints-lateness'],
  'src/checks/http/': ['judge'],
  'src/checks/subscriptions/': [
    ...['core', 'service', 'heap', 'api', 'resources', 'notification-event'],
  ],
  'src/checks/process/': [
    ...['match', 'hosts', 'dependencies', 'state', 'uses', 'platform-faults'],
  ],
  'src/collector/': [
    ...['wire', 'header', 'properties', 'decode', 'units', 'transition', 'ending', 'follower'],
    ...['lists', 'filter', 'describe', 'recording'],
  ],
};
const pure = new RegExp(
  [
    '^src/(model|patterns|deps)/',
    ...Object.entries(pureFiles).map(([folder, names]) => `^${folder}(${names.join('|')})\\.ts$`),
  ].join('|'),
);

const banned: readonly { word: RegExp; where: RegExp; instead: string }[] = [
  {
    word: /\bDate\.now\(|new Date\(\)|performance\.now\(/,
    where: pure,
    instead: 'take `now` as an argument',
  },
  { word: /Math\.random\(/, where: /^src\//, instead: 'take a seeded source as an argument' },
  {
    word: /\bset(Timeout|Interval)\(/,
    where: pure,
    instead: 'return a deadline; the caller owns timers',
  },
  { word: /from 'node:(?!assert)/, where: pure, instead: 'pure code does no I/O' },
  { word: /\bprocess\.[a-z]/, where: pure, instead: 'take what you need as an argument' },
  { word: /child_process/, where: /^src\/(?!command|restart|checks|demo)/, instead: 'D-Bus' },
  { word: /console\./, where: /^src\//, instead: 'the logger that was handed in' },
  { word: /FIX\u004dE|\.only\(/, where: /./, instead: 'finish it before it lands' },
];

const linesMax = 300;
const importOf = /^(?:import|export)\b[^'"]*?from ['"]([^'"]+)['"]/gm;

const files = ['cmd', 'src', 'bench', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'tidy.test.ts')
    .map((name) => join(folder, name)),
);

function partOf(file: string): string {
  return Object.keys(mayImport).find((p) => file === p || file.startsWith(`${p}/`)) ?? '(no part)';
}

function importFaults(file: string, text: string): string[] {
  const from = partOf(file);
  const faults: string[] = [];
  for (const [, target = ''] of text.matchAll(importOf)) {
    if (target.startsWith('.')) {
      const to = partOf(relative('.', resolve(dirname(file), target)));
      const allowed = mayImport[from] ?? [];
      if (to === from || allowed.some((part) => to === part || to.startsWith(`${part}/`))) continue;
      faults.push(`${file}: ${from} may not import ${to} (${target})`);
    } else if (
      owner[target] !== undefined &&
      file.startsWith('src/') &&
      ![owner[target]].flat().some((place) => file.startsWith(place))
    ) {
      faults.push(`${file}: only ${owner[target]} may import ${target}`);
    }
  }
  return faults;
}

test('tidy', () => {
  const faults: string[] = [];
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    faults.push(...importFaults(file, text));
    const lines = text.split('\n').length;
    if (file.startsWith('src/') && lines > linesMax)
      faults.push(`${file}: ${lines} lines (max ${linesMax})`);
    for (const { word, where, instead } of banned) {
      if (where.test(file) && word.test(text))
        faults.push(`${file}: ${word.source} is banned: ${instead}`);
    }
  }
  assert.deepEqual(faults, []);
});
