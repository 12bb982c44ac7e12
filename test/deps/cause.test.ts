import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { causesOf, type Happened } from '../../src/deps/cause.ts';
import { graphOf, type UnitTable } from './units.ts';

interface Case {
  readonly name: string;
  readonly given: UnitTable;
  /** `name kind time`, the time in milliseconds. */
  readonly happened: readonly string[];
  /** Units whose job ended with `dependency`: `name time`. */
  readonly failed?: readonly string[];
  readonly want: Readonly<Record<string, readonly string[]>>;
}

const cases: readonly Case[] = [
  {
    name: 'one crash takes two with it',
    given: { a: '', b: 'BindsTo=a', c: 'Requires=b' },
    happened: ['a failed 1', 'c stopped 2', 'b stopped 3'],
    want: { a: ['b', 'c'] },
  },
  {
    name: 'two crashes that have nothing to do with each other',
    given: { a: '', b: '', c: 'BindsTo=b' },
    happened: ['a failed 1', 'b failed 2', 'c stopped 3'],
    want: { a: [], b: ['c'] },
  },
  {
    name: 'who crashed before what it needs was not its consequence',
    given: { a: '', b: 'Requires=a' },
    happened: ['b failed 1', 'a failed 5'],
    want: { b: [], a: [] },
  },
  {
    name: 'who crashed after what it needs was',
    given: { a: '', b: 'Requires=a' },
    happened: ['a failed 1', 'b exited 5'],
    want: { a: ['b'] },
  },
  {
    name: 'who is told to stop goes down last and began it all the same',
    given: { a: '', b: 'Requires=a After=a', c: 'Requires=b After=b' },
    happened: ['c stopped 1', 'b failed 2', 'a stopped 3'],
    want: { a: ['b', 'c'] },
  },
  {
    name: 'in a circle it was the one that crashed',
    given: { a: 'BindsTo=b', b: 'BindsTo=a' },
    happened: ['b exited 2', 'a stopped 3'],
    want: { b: ['a'] },
  },
  {
    name: 'a failed start is a consequence of what failed',
    given: { a: '', b: 'Requires=a down', c: 'Requires=b down' },
    happened: ['a failed 1'],
    failed: ['b 2', 'c 3'],
    want: { a: ['b', 'c'] },
  },
  {
    name: 'what OnFailure= starts stops another',
    given: { a: 'OnFailure=h', h: 'down Conflicts=x', x: '' },
    happened: ['a failed 1', 'h started 2', 'x stopped 3'],
    want: { a: ['h', 'x'] },
  },
  {
    name: 'what is not needed any more',
    given: { a: 'Wants=b', b: 'StopWhenUnneeded=yes', c: '' },
    happened: ['a failed 1', 'b stopped 2', 'c stopped 2'],
    want: { a: ['b'], c: [] },
  },
  {
    name: 'units that the graph does not know stand for themselves',
    given: { a: '' },
    happened: ['gone failed 1', 'a failed 2'],
    want: { a: [], gone: [] },
  },
  { name: 'nothing', given: { a: '' }, happened: [], want: {} },
];

describe('when several fail together', () => {
  for (const { name, given, happened, failed, want } of cases)
    test(name, () => {
      const causes = causesOf(
        graphOf(serviceNames(given)),
        happened.map(transition),
        (failed ?? []).map((line) => {
          const [unit, ms] = line.split(' ');
          return { unit: `${unit}.service`, timeUs: Number(ms) * 1000 };
        }),
      );
      const found = causes.map(({ root, consequences }) => [
        root.replace('.service', ''),
        consequences.map(({ unit }) => unit.replace('.service', '')).sort(),
      ]);
      assert.deepEqual(Object.fromEntries(found), want);
    });

  test('the way from the root is told', () => {
    const graph = graphOf(serviceNames({ a: '', b: 'BindsTo=a', c: 'Requires=b' }));
    const [cause] = causesOf(graph, ['a failed 1', 'c stopped 2', 'b stopped 3'].map(transition));
    assert.deepEqual(cause?.consequences.at(-1), {
      unit: 'c.service',
      path: ['a.service', 'b.service', 'c.service'],
      kinds: ['BoundBy', 'RequiredBy'],
    });
  });
});

function transition(line: string): Happened {
  const [unit, kind, ms] = line.split(' ');
  return { unit: `${unit}.service`, kind: kind as Happened['kind'], timeUs: Number(ms) * 1000 };
}

function serviceNames(units: UnitTable): UnitTable {
  return Object.fromEntries(
    Object.entries(units).map(([name, words]) => [
      `${name}.service`,
      words.replace(/=(\w)\b/g, '=$1.service'),
    ]),
  );
}
