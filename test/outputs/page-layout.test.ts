import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DependencyPicture } from '../../src/model/status.ts';
import { box, layout } from '../../src/outputs/page/graph-layout.ts';

function picture(count: number, ties: readonly (readonly [number, number])[]): DependencyPicture {
  return {
    nodes: Array.from({ length: count }, (_, i) => ({ name: `n${i}`, kind: 'unit', state: 'up' })),
    edges: ties.map(([from, to]) => ({
      from: `n${from}`,
      to: `n${to}`,
      kind: 'Wants',
      hard: false,
    })),
  };
}

test('what needs it stands above, what it needs below, a layer a step, to the third', () => {
  // n5 → n4 → n3 → n2 → n0 (the unit) → n6 → n7 → n8 → n9; n1 is tied to nothing.
  const chain = [
    ...[
      [5, 4],
      [4, 3],
      [3, 2],
      [2, 0],
      [0, 6],
      [6, 7],
      [7, 8],
      [8, 9],
    ],
  ] as const satisfies readonly (readonly [number, number])[];
  const { nodes, edges, leftOut } = layout('n0', picture(10, chain));
  const byHeight = nodes.toSorted((a, b) => a.y - b.y).map(({ node }) => node.name);
  assert.deepEqual(byHeight, ['n4', 'n3', 'n2', 'n0', 'n6', 'n7', 'n8']);
  assert.equal(new Set(nodes.map(({ y }) => y)).size, 7);
  assert.equal(edges.length, 6);
  assert.equal(leftOut, 3);
});

test('a circle and a tie to itself end', () => {
  const { nodes, edges } = layout(
    'n0',
    picture(3, [
      [0, 1],
      [1, 2],
      [2, 0],
      [0, 0],
      [1, 0],
    ]),
  );
  assert.equal(nodes.length, 3);
  assert.equal(edges.length, 4);
});

test('a unit that is not among the nodes stands alone', () => {
  const { nodes } = layout('other', picture(2, [[0, 1]]));
  assert.deepEqual(
    nodes.map(({ node }) => node.name),
    ['other'],
  );
});

test('any graph: at most 60 boxes, none upon another, none outside', () => {
  const arbitrary = fc.integer({ min: 1, max: 120 }).chain((count) =>
    fc.tuple(
      fc.constant(count),
      fc.array(fc.tuple(fc.nat({ max: count - 1 }), fc.nat({ max: count - 1 })), {
        maxLength: 300,
      }),
    ),
  );
  fc.assert(
    fc.property(arbitrary, ([count, ties]) => {
      const drawn = layout('n0', picture(count, ties));
      assert.ok(drawn.nodes.length <= 60 && drawn.nodes.some(({ isRoot }) => isRoot));
      assert.equal(drawn.nodes.length + drawn.leftOut, count);
      for (const [i, a] of drawn.nodes.entries()) {
        assert.ok(a.x >= 0 && a.x + box.width <= drawn.width);
        assert.ok(a.y >= 0 && a.y + box.height <= drawn.height);
        for (const b of drawn.nodes.slice(i + 1)) {
          const apart = Math.abs(a.x - b.x) >= box.width || Math.abs(a.y - b.y) >= box.height;
          assert.ok(apart, `${a.node.name} ${b.node.name}`);
        }
      }
      for (const { a, b } of drawn.edges) {
        assert.ok(drawn.nodes.includes(a) && drawn.nodes.includes(b));
      }
    }),
    { numRuns: 200 },
  );
});
