import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultsOf, read } from './reading.ts';

/** Nothing in a message may act on a terminal or break its line. */
function assertPrintable(faults: readonly string[]): void {
  for (const fault of faults) {
    assert.doesNotMatch(fault, /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u);
    assert.ok(fault.length < 1_000, `a fault of ${fault.length} characters`);
  }
}

const pieces = fc.constantFrom(
  ...['bus', 'listen', 'metrics', 'service_whitelist', 'restart_window', '__proto__', '<<'],
  ...[
    'restart',
    'default',
    'processes',
    'hooks',
    'checks',
    'components',
    'criteria',
    'http',
    'url',
  ],
  ...[': ', ':', '\n', '\n  ', '\n- ', '- ', '[', ']', '{', '}', ', ', '"', "'", '|\n', '>-\n'],
  ...['&a ', '*a', '!!str ', '!x ', '# ', '---\n', '...\n', '%YAML 1.1\n', '? ', '\t', '\0'],
  ...['5', '5m', 'true', '~', '/(/', '\u001b[31m', '\u202e', '\ud800', '\r\n', '\ufeff', '99e999'],
);

test('no text makes reading throw, and every fault is one printable line', async () => {
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  );
  await fc.assert(
    fc.asyncProperty(text, async (any) => {
      const outcome = await read(any);
      if ('faults' in outcome) {
        assert.ok(outcome.faults.length > 0);
        assertPrintable(outcome.faults);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('no environment makes reading throw, and every fault is one printable line', async () => {
  const name = fc.oneof(
    fc.constantFrom('UNITWATCH_BUS', 'UNITWATCH_SERVICE_WHITELIST', 'UNITWATCH_POLL_INTERVAL'),
    fc.string({ unit: 'binary', maxLength: 20 }).map((end) => `UNITWATCH_${end}`),
  );
  const env = fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 40 }));
  await fc.assert(
    fc.asyncProperty(env, async (any) => {
      assertPrintable(await faultsOf(undefined, any));
    }),
    { numRuns: 1_000 },
  );
});

const mebibyte = 1_048_576;
const deep = ['[', '{', '- ', '? ', ': ', 'a: [', '{a: '];
for (const piece of deep) {
  test(`a mebibyte of ${JSON.stringify(piece)} is refused for its depth`, async () => {
    const faults = await faultsOf(piece.repeat(mebibyte / piece.length));
    assert.equal(faults.length, 1);
    assert.match(faults[0] ?? '', /^c\.yaml:1:\d+: nested more than 32 levels deep$/);
  });
}

test('twenty-five levels are read, and refused only for what they say', async () => {
  assert.deepEqual(await faultsOf(`bus: ${'['.repeat(25)}${']'.repeat(25)}`), [
    'c.yaml:1:6: bus: must be text (got a list)',
  ]);
});

const masses = ['a: b\n', '&a ', '"', '[]\n', '[],', '%x\n', '# \n', '---\n', '*a\n'];
for (const piece of masses) {
  test(`a mebibyte of ${JSON.stringify(piece)} is refused, in bounded time`, async () => {
    const before = process.cpuUsage();
    const faults = await faultsOf(piece.repeat(mebibyte / piece.length));
    const { user } = process.cpuUsage(before);
    assert.ok(faults.length > 0 && faults.length <= 51);
    assertPrintable(faults);
    assert.ok(user < 10e6, `took ${user / 1e6} s`);
  });
}

test('of seventy thousand unknown keys the first are told, and how many they are', async () => {
  const text = Array.from({ length: 70_000 }, (_, i) => `k${i}:\n`).join('');
  const faults = await faultsOf(text);
  assert.equal(faults.length, 51);
  assert.equal(faults[0], 'c.yaml:1:1: k0: is no key of unitwatch');
  assert.equal(faults[50], '... and 69950 more faults');
});

test('one line of a mebibyte is refused for its length', async () => {
  assert.deepEqual(await faultsOf(`host: ${'x'.repeat(mebibyte)}`), [
    `c.yaml:1:7: host: must have at most 4096 characters (got "${'x'.repeat(60)}...")`,
  ]);
});

test('aliases that would unfold to billions of entries are refused unread', async () => {
  const rows = Array.from({ length: 20 }, (_, i) => `b${i + 1}: &b${i + 1} [*b${i}, *b${i}]`);
  const faults = await faultsOf(`b0: &b0 [x]\n${rows.join('\n')}\nservice_whitelist: *b20`);
  assert.ok(faults.some((fault) => fault.endsWith('the alias *b20: write the value itself')));
});

test('a list has at most ten thousand entries', async () => {
  const list = (length: number): string => `service_whitelist: [${'a,'.repeat(length)}]`;
  assert.deepEqual(await faultsOf(list(10_000)), []);
  assert.deepEqual(await faultsOf(list(10_001)), [
    'c.yaml:1:20: service_whitelist: must have at most 10000 entries, not 10001 (got a list)',
  ]);
});

test('a NUL byte, in the file or in a value, is refused with its place', async () => {
  assert.deepEqual(await faultsOf('bus: user\nhost: a\0b'), [
    'c.yaml:2:8: a NUL byte: is this a text file?',
  ]);
  assert.deepEqual(await faultsOf('host: "a\\0b"'), [
    'c.yaml:1:7: host: must not contain control characters (got "a\\u{0}b")',
  ]);
});

test('what would act on a terminal is written as what it is', async () => {
  assert.deepEqual(await faultsOf('bus: "\\e]0;x\\a\\u202e"\n"\\e[2J": 1'), [
    'c.yaml:1:6: bus: must not contain control characters (got "\\u{1b}]0;x\\u{7}\\u{202e}")',
    'c.yaml:2:1: \\u{1b}[2J: is no key of unitwatch',
  ]);
});

test('names of object members are no keys', async () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const faults = await faultsOf(`${name}: {x: 1}\nmetrics: {${name}: 1}`);
    assert.deepEqual(faults, [
      `c.yaml:1:1: ${name}: is no key of unitwatch`,
      `c.yaml:2:11: metrics.${name}: is no key of unitwatch`,
    ]);
  }
  assert.equal(({} as { x?: number }).x, undefined);
});

test('maps have a limit, and many unknown keys in them are told in bounded time', async () => {
  const many = Array.from({ length: 2_001 }, (_, i) => `    p${i}: {}`).join('\n');
  assert.deepEqual(await faultsOf(`restart:\n  processes:\n${many}`), [
    'c.yaml:3:5: restart.processes: must have at most 2000 entries, not 2001 (got a section)',
  ]);
  const unknown = Array.from({ length: 9_000 }, (_, i) => `    c${i}: {criterai: 1}`).join('\n');
  const faults = await faultsOf(`checks:\n  components:\n${unknown}`);
  assert.equal(faults.length, 51);
  assert.equal(
    faults[0],
    "c.yaml:3:10: checks.components.c0.criterai: is no key of unitwatch; did you mean 'criteria'?",
  );
  assertPrintable(faults);
});
