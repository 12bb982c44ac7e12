import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DependencyOrder } from '../../src/checks/process/dependencies.ts';
import { isPlan, planOf, variablesFor } from '../../src/checks/process/hosts.ts';
import { platformFaults } from '../../src/checks/process/platform-faults.ts';
import {
  type Judgement,
  judgeProcesses,
  judgeUnit,
  withDependencies,
} from '../../src/checks/process/state.ts';
import { parseUser } from '../../src/checks/process/users.ts';
import {
  type Component,
  defaultComponent,
  type HostEntry,
  type Platform,
} from '../../src/model/platform.ts';

function component(name: string, more: Partial<Component> = {}): Component {
  return { ...defaultComponent, name, criteria: [{ index: 0, regex: name }], ...more };
}
function host(name: string, more: Partial<HostEntry> = {}): HostEntry {
  return { name, names: [], groups: [], components: [], variables: {}, ip: '', ...more };
}
function platform(hosts: readonly HostEntry[], more: Partial<Platform> = {}): Platform {
  return {
    components: ['a', 'b', 'c', 'd'].map((name) => component(name)),
    groups: [],
    hosts,
    ...more,
  };
}

const lookups: readonly {
  name: string;
  hosts: readonly HostEntry[];
  ask: string;
  want: readonly string[] | RegExp;
}[] = [
  {
    name: 'by name',
    hosts: [host('web1', { components: ['b', 'a'] })],
    ask: 'web1',
    want: ['a', 'b'],
  },
  {
    name: 'whatever the case',
    hosts: [host('Web1', { components: ['a'] })],
    ask: 'wEB1',
    want: ['a'],
  },
  {
    name: 'short for full',
    hosts: [host('web1.example.com', { components: ['a'] })],
    ask: 'WEB1',
    want: ['a'],
  },
  {
    name: 'full for short',
    hosts: [host('web1', { components: ['a'] })],
    ask: 'web1.example.com',
    want: ['a'],
  },
  {
    name: 'another domain',
    hosts: [host('web1.example.com', { components: ['a'] })],
    ask: 'web1.example.org',
    want: /web1\.example\.org is in no list/,
  },
  {
    name: 'the beginning of a name',
    hosts: [host('web1', { components: ['a'] })],
    ask: 'web12',
    want: /in no list/,
  },
  {
    name: 'an address is no short name',
    hosts: [host('10', { components: ['a'] })],
    ask: '10.0.0.1',
    want: /in no list/,
  },
  {
    name: 'two full names',
    hosts: [
      host('web1.a.example', { components: ['a'] }),
      host('web1.b.example', { components: ['b'] }),
    ],
    ask: 'web1',
    want: /web1 can be each of: web1\.a\.example, web1\.b\.example/,
  },
  {
    name: 'the full name of two',
    hosts: [
      host('web1.a.example', { components: ['a'] }),
      host('web1.b.example', { components: ['b'] }),
    ],
    ask: 'web1.b.example',
    want: ['b'],
  },
  {
    name: 'a glob',
    hosts: [host('all', { names: ['web*'], components: ['a'] })],
    ask: 'WEB7.example.com',
    want: ['a'],
  },
  {
    name: 'a glob of one character',
    hosts: [host('all', { names: ['web?'], components: ['a'] })],
    ask: 'web10',
    want: /in no list/,
  },
  {
    name: 'a regex',
    hosts: [host('all', { names: ['/^web[0-9]+$/'], components: ['a'] })],
    ask: 'Web10',
    want: ['a'],
  },
  {
    name: 'names in place of its own',
    hosts: [host('all', { names: ['web1'], components: ['a'] })],
    ask: 'all',
    want: /in no list/,
  },
  {
    name: 'all that match, each component once, in the order of the list',
    hosts: [
      host('web1', { components: ['c', 'b'] }),
      host('all', { names: ['*'], components: ['b', 'a'] }),
    ],
    ask: 'web1',
    want: ['a', 'b', 'c'],
  },
  { name: 'no hosts at all', hosts: [], ask: 'whatever', want: ['a', 'b', 'c', 'd'] },
];
for (const { name, hosts, ask, want } of lookups) {
  test(`the list of a host: ${name}`, () => {
    const plan = planOf(platform(hosts), ask);
    if (want instanceof RegExp) {
      assert.ok(!isPlan(plan));
      assert.match(plan.reason, want);
    } else {
      assert.ok(isPlan(plan), 'reason' in plan ? plan.reason : '');
      assert.deepEqual(
        plan.components.map((one) => one.name),
        want,
      );
    }
  });
}

test('a glob matches as its regular expression does', () => {
  const part = fc.constantFrom('a', 'b', '*', '?', '.');
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 8 }).filter((parts) => /[*?]/.test(parts.join(''))),
      fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 10 }),
      (parts, name) => {
        const glob = parts.join('');
        const regex = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        const plan = planOf(platform([host('x', { names: [glob], components: ['a'] })]), name);
        assert.equal(isPlan(plan), new RegExp(`^${regex}$`).test(name), glob);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('groups of components, variables and the address of a host', () => {
  const plan = planOf(
    platform(
      [
        host('every', {
          names: ['web*'],
          components: ['base'],
          variables: { zone: 'x', port: '1' },
        }),
        host('web1', {
          components: ['d'],
          groups: ['ITG'],
          variables: { zone: 'y' },
          ip: '10.0.0.1',
        }),
      ],
      { groups: [{ name: 'base', components: ['a', 'b'] }] },
    ),
    'web1',
  );
  assert.ok(isPlan(plan));
  assert.deepEqual(
    plan.components.map(({ name }) => name),
    ['a', 'b', 'd'],
  );
  const values = variablesFor(plan, ['192.168.0.9']);
  assert.deepEqual(Object.fromEntries(values), {
    'host.ip': ['10.0.0.1'],
    'host.name': ['web1'],
    zone: ['y'],
    'host.zone': ['y'],
    port: ['1'],
    'host.port': ['1'],
  });
  assert.deepEqual(variablesFor({ ...plan, ip: '' }, ['192.168.0.9']).get('host.ip'), [
    '192.168.0.9',
  ]);
});

test('every fault of a list is told, with its place', async () => {
  const found = await platformFaults({
    components: [
      component('a', { dependsOn: ['b'] }),
      component('b', { dependsOn: ['c'], dependsOnElsewhere: ['far'] }),
      component('c', { dependsOn: ['a', 'nobody'] }),
      component('self', { dependsOn: ['self'] }),
      component('nothing', { criteria: [] }),
      component('both', { unit: 'x.service' }),
      component('span', { min: 3, max: 2 }),
      component('slow', { criteria: [{ index: 0, regex: '(?=a)' }] }),
      component('free', { criteria: [{ index: 0, regex: `\${zone}` }] }),
      component('A'),
    ],
    groups: [{ name: 'g', components: ['nobody'] }],
    hosts: [host('h', { components: ['g', 'a', 'gone'] }), host('H')],
  });
  const faults = found.map(({ path, text }) => `${path.join('/')}: ${text}`);
  const wanted = [
    /^components\/A: the name a stands there already$/,
    /^components\/c\/depends_on: there is no component nobody$/,
    /^components\/b\/depends_on_elsewhere: there is no component far$/,
    /^groups\/g: there is no component nobody$/,
    /^hosts\/h\/components: there is no component or group gone$/,
    /^hosts\/H: the name h stands there already$/,
    /^components\/nothing: has neither criteria nor a unit$/,
    /^components\/both: has criteria and a unit; one is enough$/,
    /^components\/span: at least 3 and at most 2 processes cannot both be$/,
    /^components\/slow\/criteria: the regex "\(\?=a\)" uses/,
    /^components\/free\/criteria: no host sets the variable zone$/,
    /^components\/self\/depends_on: goes in a circle: self → self$/,
  ];
  for (const want of wanted)
    assert.ok(
      faults.some((fault) => want.test(fault)),
      `${want} in ${faults.join('\n')}`,
    );
});

test('a circle is told as the way around it', () => {
  const order = new DependencyOrder([
    component('a', { dependsOn: ['b'] }),
    component('b', { dependsOn: ['c'] }),
    component('c', { dependsOn: ['b'] }),
  ]);
  assert.deepEqual(order.cycles(), [['b', 'c', 'b']]);
  assert.deepEqual(order.startOrder('a').toSorted(), ['a', 'b', 'c']);
});

test('a chain of 10,000 components is walked', () => {
  const chain = Array.from({ length: 10_000 }, (_, n) =>
    component(`c${n}`, { dependsOn: n < 9_999 ? [`c${n + 1}`] : [] }),
  );
  const order = new DependencyOrder(chain);
  assert.equal(order.startOrder('c0').length, 10_000);
  assert.equal(order.sufferers('c9999').length, 9_999);
  assert.deepEqual(order.cycles(), []);
  assert.deepEqual(order.startOrder('nobody'), []);
});

/** Random graphs without circles: an edge leads to a smaller number. */
const graph = fc
  .array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 25 })
  .map((edges) =>
    edges.map((to, n) =>
      component(`c${n}`, { dependsOn: to.filter((m) => m < n).map((m) => `c${m}`) }),
    ),
  );

test('starting comes after all that it needs, stopping after all that needs it', () => {
  fc.assert(
    fc.property(graph, fc.nat(24), (components, pick) => {
      const order = new DependencyOrder(components);
      const name = components[pick % components.length]?.name ?? '';
      const byName = new Map(components.map((one) => [one.name, one]));
      const start = order.startOrder(name);
      assert.equal(start.at(-1), name);
      assert.equal(new Set(start).size, start.length);
      for (const [at, one] of start.entries()) {
        for (const other of byName.get(one)?.dependsOn ?? [])
          assert.ok(start.indexOf(other) < at && start.includes(other));
      }
      // Whoever needs it, directly or not, and nobody else.
      const needsIt = (one: string): boolean =>
        one !== name && order.startOrder(one).includes(name);
      assert.deepEqual(
        [...order.sufferers(name)].sort(),
        [...byName.keys()].filter(needsIt).sort(),
      );
      const stop = order.stopOrder(name);
      assert.equal(stop.at(-1), name);
      for (const [at, one] of stop.entries()) {
        for (const other of byName.get(one)?.dependsOn ?? [])
          assert.ok(!stop.includes(other) || stop.indexOf(other) > at);
      }
      assert.deepEqual(order.cycles(), []);
    }),
    { numRuns: 500 },
  );
});

const judged: readonly { found: number; min: number; max: number; doubt?: string; want: string }[] =
  [
    { found: 1, min: 1, max: 1, want: 'running ' },
    { found: 0, min: 1, max: 1, want: 'missing 0 of 1 processes' },
    { found: 2, min: 3, max: 5, want: 'missing 2 of 3 processes' },
    { found: 6, min: 3, max: 5, want: 'too_many 6 of 5 processes' },
    { found: 90, min: 1, max: Number.POSITIVE_INFINITY, want: 'running ' },
    { found: 0, min: 0, max: 1, want: 'running ' },
    { found: 0, min: 1, max: 1, doubt: 'not permitted', want: 'unknown not permitted' },
    { found: 1, min: 1, max: 1, doubt: 'not permitted', want: 'running ' },
    { found: 2, min: 1, max: 1, doubt: 'not permitted', want: 'too_many 2 of 1 processes' },
  ];
test('the state of a component by its processes', () => {
  for (const { found, min, max, doubt = '', want } of judged) {
    const { state, reason } = judgeProcesses(component('x', { min, max }), { found, doubt });
    assert.equal(`${state} ${reason}`, want);
  }
});

test('what runs is degraded while something below it does not, however far below', () => {
  const order = new DependencyOrder([
    component('a', { dependsOn: ['b'] }),
    component('b', { dependsOn: ['c'] }),
    component('c'),
    component('d', { dependsOn: ['e'] }),
    component('e'),
  ]);
  const running: Judgement = { state: 'running', reason: '', waitsFor: [] };
  const judgements = withDependencies(
    new Map([
      ['a', running],
      ['b', running],
      ['c', { ...running, state: 'missing', reason: '0 of 1 processes' }],
      ['d', running],
      ['e', { ...running, state: 'unknown', reason: 'not permitted' }],
    ]),
    (name) => order.needs(name),
  );
  assert.deepEqual(judgements.get('a'), {
    state: 'degraded',
    reason: 'does not run: c',
    waitsFor: ['c'],
  });
  assert.equal(judgements.get('b')?.state, 'degraded');
  assert.deepEqual(judgements.get('d'), running);
});

test('a unit that systemd has not told of is not known', () => {
  assert.equal(judgeUnit(undefined).state, 'unknown');
});

test('a line of passwd', () => {
  assert.deepEqual(parseUser('kafka:x:991:990:Kafka:/opt/kafka:/bin/false\n'), {
    name: 'kafka',
    uid: 991,
    gid: 990,
    home: '/opt/kafka',
    shell: '/bin/false',
  });
  for (const line of ['', 'kafka', 'kafka:x::990::/:/bin/sh', 'a:x:1:b::/:/bin/sh']) {
    assert.equal(parseUser(line), undefined);
  }
});
