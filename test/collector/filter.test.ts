import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busAddress, busTargets } from '../../src/collector/address.ts';
import { type FilterOptions, unitFilter } from '../../src/collector/filter.ts';

const all: FilterOptions = {
  monitorAll: true,
  whitelist: [],
  blacklist: [],
  containersOnly: false,
  unitTypes: ['service'],
};

const cases: readonly {
  readonly name: string;
  readonly options: Partial<FilterOptions>;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}[] = [
  { name: 'all services', options: {}, yes: ['a.service'], no: ['a.timer'] },
  {
    name: 'a whitelist of names, globs and expressions',
    options: { monitorAll: false, whitelist: ['nginx', 'web-*', '/^db\\d/'] },
    yes: ['nginx.service', 'web-1.service', 'db1.service'],
    no: ['sshd.service', 'nginx2.service'],
  },
  {
    name: 'the blacklist wins',
    options: { whitelist: ['a'], blacklist: ['a', 'b*'] },
    yes: ['c.service'],
    no: ['a.service', 'bx.service'],
  },
  {
    name: 'other types',
    options: { unitTypes: ['service', 'timer'] },
    yes: ['a.timer', 'a.service'],
    no: ['a.socket'],
  },
  {
    name: 'containers only',
    options: { containersOnly: true, unitTypes: ['service', 'scope', 'slice'] },
    yes: [
      'docker.service',
      'containerd.service',
      'kubelet.service',
      'docker-0123456789ab.scope',
      'cri-containerd-0123.scope',
      'kubepods-burstable.slice',
      'machine-qemu\\x2d1.scope',
    ],
    no: ['sshd.service', 'dockerish.service', 'user.slice'],
  },
];

for (const { name, options, yes, no } of cases) {
  test(`filter: ${name}`, () => {
    const filter = unitFilter({ ...all, ...options });
    for (const unit of yes) assert.equal(filter.follows(unit), true, unit);
    for (const unit of no) assert.equal(filter.follows(unit), false, unit);
  });
}

test('filter: a name in full is wanted, also of another type', () => {
  const filter = unitFilter({ ...all, whitelist: ['ghost', 'a.timer', 'g*'] });
  assert.deepEqual([...filter.wanted], ['ghost.service', 'a.timer']);
  assert.equal(filter.follows('a.timer'), true);
  assert.deepEqual(filter.patterns, ['*.service', '*.timer']);
});

const env = { uid: 1000 };
test('bus address: where system and user are', () => {
  assert.equal(busAddress('system', env), 'unix:path=/run/dbus/system_bus_socket');
  assert.equal(
    busAddress('system', { ...env, DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/x' }),
    'unix:path=/x',
  );
  assert.equal(busAddress('user', env), 'unix:path=/run/user/1000/bus');
  assert.equal(busAddress('user', { ...env, XDG_RUNTIME_DIR: '/r' }), 'unix:path=/r/bus');
  assert.equal(busAddress('unix:path=/y', env), 'unix:path=/y');
});

test('bus address: what is understood', () => {
  assert.deepEqual(busTargets('unix:path=/a%20b,guid=0123'), [{ path: '/a b' }]);
  assert.deepEqual(busTargets('unix:abstract=/tmp/x'), [{ path: '\0/tmp/x' }]);
  assert.deepEqual(busTargets('nonce-tcp:host=h;tcp:host=h,port=1'), [{ host: 'h', port: 1 }]);
  for (const wrong of ['', 'nonsense', 'unix:', 'unix:path=', 'tcp:host=h', 'tcp:host=h,port=0'])
    assert.throws(() => busTargets(wrong), TypeError, wrong);
});
