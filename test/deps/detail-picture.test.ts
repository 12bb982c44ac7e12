import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkUnits } from '../../src/deps/checks.ts';
import { detailPicture } from '../../src/deps/detail-picture.ts';
import type { CheckState, CheckView } from '../../src/model/check.ts';
import { graphOf } from './units.ts';

function view(name: string, state: CheckState, more: Partial<CheckView> = {}): CheckView {
  return {
    ...{ name, kind: 'process', state, sinceUs: 0, checkedUs: 0, durationUs: 0, reason: '' },
    ...{ dependsOn: [], outage: false },
    ...more,
  };
}

const checks = [
  view('reader', 'degraded', { dependsOn: ['the base', 'broker'], elsewhere: ['mirror'] }),
  view('the base', 'missing', { kind: 'unit', unit: 'db.service' }),
  view('broker', 'running'),
  view('report', 'unknown', { dependsOn: ['reader'] }),
  view('web.service', 'running', { kind: 'unit', unit: 'web.service' }),
];
const units = () => {
  const graph = graphOf({
    'db.service': 'failed Requires=disk.mount',
    'disk.mount': '',
    'web.service': 'Requires=db.service',
  });
  for (const unit of checkUnits(checks)) graph.update(unit);
  return graph;
};

const told = (picture: ReturnType<typeof detailPicture>) => ({
  nodes: picture?.nodes.map(({ name, kind, state }) => `${name}: ${kind} ${state}`).toSorted(),
  edges: picture?.edges
    .map(({ from, to, kind, hard }) => `${from} ${kind}${hard ? '!' : ''} ${to}`)
    .toSorted(),
});

test('a component among components and units, each with its own name and state', () => {
  const asked = { name: 'reader', isUnit: false };
  assert.deepEqual(told(detailPicture(units(), checks, asked, 3)), {
    nodes: [
      'broker: component running',
      'db.service: unit failed',
      'disk.mount: unit up',
      'mirror (on another host): elsewhere unknown',
      'reader: component degraded',
      'report: component unknown',
      'the base: component missing',
    ],
    edges: [
      'db.service Requires! disk.mount',
      'reader depends on broker',
      'reader depends on mirror (on another host)',
      'reader depends on the base',
      'report depends on reader',
      'the base is this unit! db.service',
    ],
  });
});

test('a unit, with the components that are it or stand on it', () => {
  const { nodes, edges } = told(
    detailPicture(units(), checks, { name: 'db.service', isUnit: true }, 2),
  );
  assert.deepEqual(nodes, [
    'db.service: unit failed',
    'disk.mount: unit up',
    'mirror (on another host): elsewhere unknown',
    'reader: component degraded',
    'the base: component missing',
    // The component of that name is the unit.
    'web.service: unit up',
  ]);
  assert.ok(edges?.includes('the base is this unit! db.service'));
  assert.ok(!edges?.some((edge) => edge.startsWith('web.service is this unit')));
});

test('components alone where units are not tracked', () => {
  const asked = { name: 'reader', isUnit: false };
  const { nodes } = told(detailPicture(undefined, checks.slice(0, 1), asked, 3));
  assert.deepEqual(
    nodes,
    [
      'mirror (on another host): elsewhere unknown',
      'reader: component degraded',
      // systemd's name for what is no component of this host.
      ...['broker.service: unit down', 'the base.service: unit down'],
    ].toSorted(),
  );
  assert.equal(
    detailPicture(undefined, checks, { name: 'db.service', isUnit: true }, 3),
    undefined,
  );
  assert.equal(detailPicture(undefined, checks, { name: 'nobody', isUnit: false }, 3), undefined);
});

test('a depth, and circles', () => {
  const ring = [
    view('a', 'running', { dependsOn: ['b'] }),
    view('b', 'running', { dependsOn: ['c'] }),
    view('c', 'running', { dependsOn: ['a'] }),
    view('far', 'running', { dependsOn: ['a'] }),
  ];
  const asked = { name: 'b', isUnit: false };
  assert.deepEqual(told(detailPicture(undefined, ring, asked, 1)).nodes?.length, 3);
  assert.deepEqual(told(detailPicture(undefined, ring, asked, 3)).nodes?.length, 4);
});
