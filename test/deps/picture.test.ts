import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pictureOf } from '../../src/deps/picture.ts';
import { type Edge, reduced } from '../../src/deps/reduce.ts';
import { render } from '../../src/deps/render.ts';
import { graphOf } from './units.ts';

const hard = (from: number, to: number): Edge => ({ from, to, kind: 'Requires', hard: true });
const soft = (from: number, to: number): Edge => ({ from, to, kind: 'Wants', hard: false });

const arrows = (edges: readonly Edge[]) => edges.map(({ from, to }) => `${from}${to}`);

describe('leaving out what is said already', () => {
  const cases: readonly [name: string, given: Edge[], want: string[]][] = [
    ['a way of two', [hard(1, 2), hard(2, 3), hard(1, 3)], ['12', '23']],
    ['in any order', [hard(1, 3), hard(2, 3), hard(1, 2)], ['23', '12']],
    ['a need is not said by wants', [soft(1, 2), soft(2, 3), hard(1, 3)], ['12', '23', '13']],
    ['a want is said by needs', [hard(1, 2), hard(2, 3), soft(1, 3)], ['12', '23']],
    ['a circle stays', [hard(1, 2), hard(2, 3), hard(3, 1), hard(1, 3)], ['12', '23', '31', '13']],
    ['two ways', [hard(1, 2), hard(1, 3), hard(2, 4), hard(3, 4)], ['12', '13', '24', '34']],
  ];
  for (const [name, given, want] of cases)
    test(name, () => assert.deepEqual(arrows(reduced(given)), want));

  test('whoever could be reached can still be, in any graph', () => {
    const edge = fc.tuple(fc.nat(11), fc.nat(11), fc.boolean());
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 50 }), (triples) => {
        const edges = [...new Map(triples.map((t) => [`${t[0]} ${t[1]}`, t])).values()]
          .filter(([from, to]) => from !== to)
          .map(([from, to, isHard]) => (isHard ? hard(from, to) : soft(from, to)));
        const kept = reduced(edges);
        assert.deepEqual(reachable(kept), reachable(edges));
        const onlyHard = (list: readonly Edge[]) => list.filter((one) => one.hard);
        assert.deepEqual(reachable(onlyHard(kept)), reachable(onlyHard(edges)));
      }),
    );
  });
});

function reachable(edges: readonly Edge[]): string[] {
  const found = new Set(arrows(edges));
  const all = new Set(edges.map(({ from, to }) => `${from} ${to}`));
  for (let before = -1; before !== all.size; ) {
    before = all.size;
    for (const a of [...all])
      for (const { from, to } of edges)
        if (a.split(' ')[1] === String(from)) all.add(`${a.split(' ')[0]} ${to}`);
  }
  assert.ok(found.size <= all.size);
  return [...all].sort();
}

const graph = graphOf({
  'web.service': 'Requires=api.service Requires=db.service Wants=cache.service Slice=app.slice',
  'api.service': 'Requires=db.service Requires=sysinit.target Slice=app.slice',
  'db.service': 'failed Slice=app.slice Requires=sysinit.target',
  'cache.service': 'Slice=system.slice',
  'sysinit.target': 'Wants=thing.service',
  'thing.service': 'down Slice=system.slice',
  'x"<b>.service': 'Slice=system.slice',
});

describe('the picture', () => {
  const whole = pictureOf(graph) ?? assert.fail();

  test('of a host: what is up or failed, by slice, without what all units need', () => {
    const names = whole.groups.map(({ slice, units }) => [slice, units.map(({ name }) => name)]);
    assert.deepEqual(names, [
      ['', ['sysinit.target']],
      ['app.slice', ['api.service', 'db.service', 'web.service']],
      ['system.slice', ['cache.service', 'x"<b>.service']],
    ]);
    assert.deepEqual(
      whole.edges.map(({ from, to }) => `${from} ${to}`),
      ['web.service api.service', 'web.service cache.service', 'api.service db.service'],
    );
  });

  test('of a unit: what it depends on, who depends on it, to a depth', () => {
    const names = (unit: string, depth: number) =>
      pictureOf(graph, unit, depth)
        ?.groups.flatMap(({ units }) => units.map(({ name }) => name))
        .sort();
    assert.deepEqual(names('api.service', 1), [
      'api.service',
      'db.service',
      'sysinit.target',
      'web.service',
    ]);
    assert.deepEqual(names('cache.service', 3), ['cache.service', 'web.service']);
    assert.equal(names('nobody.service', 3), undefined);
  });

  test('as text', () => {
    assert.equal(
      render(whole, 'text'),
      `no slice (1)
  sysinit.target

app.slice (3)
  api.service
      Requires* db.service
! db.service
  web.service
      Requires* api.service
      Wants cache.service

system.slice (2)
  cache.service
  x"<b>.service

! failed   - down   ~ changing   * cannot do without
`,
    );
  });

  test('as dot, mermaid and JSON, with names that mean something there', () => {
    const dot = render(whole, 'dot');
    assert.match(dot, /newrank=true/, 'or Graphviz gives up on a large host');
    assert.match(dot, /^digraph units \{\n[\s\S]*\}\n$/);
    assert.ok(dot.includes('"x\\"<b>.service" [fillcolor=white];'));
    assert.ok(dot.includes('"web.service" -> "cache.service" [label="Wants", style=dashed];'));
    const mermaid = render(whole, 'mermaid');
    assert.ok(mermaid.includes('["x#34;#60;b#62;.service"]'));
    assert.match(mermaid, /u\d+ -\.->\|Wants\| u\d+/);
    assert.match(mermaid, /"db\.service"\]:::failed/);
    assert.deepEqual(JSON.parse(render(whole, 'json')), structuredClone(whole));
  });
});
