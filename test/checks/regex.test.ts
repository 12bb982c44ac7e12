import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitArguments } from '../../src/checks/process/arguments.ts';
import { matcherOf } from '../../src/checks/process/match.ts';
import { compileRegex, escapeRegex, fillIn } from '../../src/checks/regex.ts';
import { systemClock } from '../../src/collector/system-clock.ts';

const none = new Map<string, readonly string[]>();

async function found(regex: string, text: string): Promise<boolean> {
  const compiled = await compileRegex(regex);
  assert.ok('test' in compiled, 'fault' in compiled ? compiled.fault : '');
  return compiled.test(text);
}

async function faultOf(regex: string): Promise<string> {
  const compiled = await compileRegex(regex);
  return 'fault' in compiled ? compiled.fault : '';
}

const searches: readonly (readonly [string, string, boolean])[] = [
  ['java', '/opt/java/jdk1.8.0_72/bin/java', true],
  ['java', 'jav', false],
  ['^java$', 'java', true],
  ['^java$', '/usr/bin/java', false],
  ['config/server.properties', 'config/server-properties', true],
  ['config/server\\.properties', 'config/server-properties', false],
  ['a.b', 'a\nb', false],
  ['a.b', 'a\u2028b', true],
  ['.', '😀', true],
  ['^.$', '😀', true],
  ['spark://10\\.0\\.0\\.1:7077', 'spark://10.0.0.1:7077', true],
  ['kafka|zookeeper', 'org.zookeeper', true],
  ['jdk1\\.[78]\\.0_\\d+', '/opt/jdk1.8.0_72', true],
  ['(?i)KAFKA', 'kafka', true],
  ['(?<=jdk)1\\.8', 'jdk1.8', true],
  ['(?<!jdk)1\\.8', 'jdk1.8', false],
  ['caf\u00e9', 'caf\u00e9', true],
];
for (const [regex, text, want] of searches) {
  test(`search ${regex} in ${JSON.stringify(text)}`, async () => {
    assert.equal(await found(regex, text), want);
  });
}

test('V8 and RE2 agree on everything that is plain', async () => {
  const part = fc.constantFrom('a', 'b', '.', '\\.', '-', '/', '\\-', 'é', '😀', ' ', ':', '\n');
  const parts = fc.array(part, { minLength: 1, maxLength: 6 });
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '.', '-', '/', 'é', '😀', ' ', '\n', '\u2028'),
  });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), parts, fc.boolean(), text, async (from, middle, to, given) => {
      const regex = `${from ? '^' : ''}${middle.join('')}${to ? '$' : ''}`;
      const [onV8, onRe2] = [await compileRegex(regex), await compileRegex(`(?:${regex})`)];
      assert.ok('test' in onV8 && 'test' in onRe2);
      assert.deepEqual([onV8.measured, onRe2.measured], [false, true]);
      assert.equal(onV8.test(given), onRe2.test(given));
    }),
    { numRuns: 500 },
  );
});

test('a value is text, whatever stands in it, also between brackets', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary-ascii', minLength: 1 }), async (value) => {
      const values = new Map([['v', [value]]]);
      const [plain = ''] = fillIn(`^\${v}$`, values);
      assert.ok(await found(plain, value), plain);
      assert.equal(await found(plain, `${value}x`), false);
      const [set = ''] = fillIn(`^[\${v}]$`, values);
      for (const char of '!/09AZaz~') assert.equal(await found(set, char), value.includes(char));
    }),
    { numRuns: 300 },
  );
  assert.equal(escapeRegex('a.b*c'), 'a\\.b\\*c');
});

test('a variable with several values is found by any of them; one without is a fault', async () => {
  assert.deepEqual(
    fillIn(
      `^\${host.ip}:\${port}$`,
      new Map([
        ['host.ip', ['10.0.0.1', '::1']],
        ['port', ['7077']],
      ]),
    ),
    ['^10\\.0\\.0\\.1:7077$', '^::1:7077$'],
  );
  const components = [{ name: 'c', criteria: [{ index: 0, regex: `\${zone}` }] }];
  const matcher = await matcherOf(components, none, systemClock.monotonicUs);
  assert.equal(matcher.fault(0), `the regex "\${zone}" needs zone, which this host does not have`);
});

const refusals: readonly (readonly [string, RegExp])[] = [
  ['java(?!c)', /"java\(\?!c\)" uses "\(\?!": look-ahead and back-references/],
  ['(?=x)y', /uses "\(\?="/],
  ['(a)\\1', /uses "\\\\1"/],
  ['(unclosed', /"\(unclosed" cannot be read/],
  ['x{2000}', /cannot be read|repeats too much/],
  ['((a{0,30}){0,30}){0,1}', /repeats too much/],
  ['y'.repeat(1_001), /1001 characters; 1000/],
];
for (const [regex, want] of refusals) {
  test(`refused by name: ${regex.slice(0, 30)}`, async () => {
    assert.match(await faultOf(regex), want);
  });
}

/** On V8's engine each of these takes longer than the sun shines, or minutes at least. */
const forEver = [
  '(a+)+$',
  '^(a|a)*$',
  '(a|aa)+$',
  '(.*a){20}$',
  '^(([a-z])+.)+[A-Z]',
  '(?:a?){30}a{30}$x?b',
];
test('what would run for ever on another engine ends on 128 KiB', async () => {
  const text = `${'a'.repeat(131_071)}!`;
  for (const regex of forEver) assert.equal(await found(regex, text), false, regex);
});

test('a regex that takes too long is cut off and named; the others go on', async () => {
  let nowUs = 0;
  const components = [
    { name: 'slow', criteria: [{ index: 'any', regex: '(?:slow)+$' }] },
    { name: 'quick', criteria: [{ index: 0, regex: '^java$' }] },
  ] as const;
  // Every look at the clock is 30 ms later: the third search is over the time of one check.
  const matcher = await matcherOf(components, none, () => (nowUs += 30_000));
  matcher.begin();
  const list = splitArguments(Buffer.from('java\0slow\0'));
  assert.ok(list);
  assert.deepEqual(matcher.match(list), [0, 1]);
  assert.equal(matcher.fault(0), '');
  for (let process = 0; process < 10; process++) matcher.match(list);
  assert.deepEqual(matcher.match(list), [1]);
  assert.equal(matcher.fault(0), 'the regex "(?:slow)+$" takes too long and was cut off');
  assert.equal(matcher.fault(1), '');
  matcher.begin();
  assert.equal(matcher.fault(0), '');
  assert.deepEqual(matcher.match(list), [0, 1]);
});

const places: readonly { index: number | 'any'; regex: string; want: boolean }[] = [
  { index: 0, regex: '^java$', want: true },
  { index: 1, regex: '^-Xmx1g$', want: true },
  { index: 2, regex: '^Main$', want: true },
  { index: -1, regex: '^last one$', want: true },
  { index: -2, regex: '^Main$', want: true },
  { index: -4, regex: '^java$', want: true },
  { index: -5, regex: '', want: false },
  { index: 4, regex: '', want: false },
  { index: 'any', regex: '^Main$', want: true },
  { index: 'any', regex: '^one$', want: false },
];
test('an index counts from the program, a negative one from the end', async () => {
  const list = splitArguments(Buffer.from('java\0-Xmx1g\0Main\0last one\0'));
  assert.ok(list);
  for (const { index, regex, want } of places) {
    const matcher = await matcherOf(
      [{ name: 'c', criteria: [{ index, regex }] }],
      none,
      systemClock.monotonicUs,
    );
    assert.deepEqual(matcher.match(list), want ? [0] : [], `${index} ${regex}`);
  }
});

test('what is counted from the end of a list that was cut is not known', async () => {
  const criteria = [{ index: -1, regex: 'b' }];
  const matcher = await matcherOf([{ name: 'c', criteria }], none, systemClock.monotonicUs);
  assert.deepEqual(matcher.match({ texts: ['a', 'b'], cut: true }), []);
  assert.deepEqual(matcher.match({ texts: ['a', 'b'], cut: false }), [0]);
});

test('a component with a regex that cannot be used has a fault; the others are found', async () => {
  const components = [
    { name: 'bad', criteria: [{ index: 0, regex: '(?=x)' }] },
    { name: 'good', criteria: [{ index: 0, regex: 'java' }] },
  ];
  const matcher = await matcherOf(components, none, systemClock.monotonicUs);
  assert.match(matcher.fault(0), /look-ahead/);
  assert.equal(matcher.fault(1), '');
  assert.deepEqual(matcher.match({ texts: ['java'], cut: false }), [1]);
});
