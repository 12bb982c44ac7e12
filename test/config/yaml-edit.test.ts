import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseYaml } from '../../src/config/yaml.ts';
import { removeEntry, setFields } from '../../src/config/yaml-edit.ts';
import type { Field } from '../../src/config/yaml-piece.ts';

const shop = ['checks', 'http', 'shop'];
const two: readonly Field[] = [
  ['url', 'http://s/'],
  ['interval_sec', 7],
];

async function set(text: string, path = shop, fields = two): Promise<string> {
  const edited = await setFields(text, path, fields);
  return 'text' in edited ? edited.text : `fault: ${edited.fault}`;
}

async function remove(text: string, path = shop): Promise<string> {
  const edited = await removeEntry(text, path);
  return 'text' in edited ? edited.text : `fault: ${edited.fault}`;
}

const added = '    shop:\n      url: http://s/\n      interval_sec: 7\n';
const http = `  http:\n${added}`;
const checks = `checks:\n${http}`;

/** What an added entry makes of a text; removed again, the text is the old one. */
const additions: readonly { name: string; text: string; want: string }[] = [
  { name: 'nothing', text: '', want: checks },
  { name: 'a comment', text: '# c\n', want: `# c\n${checks}` },
  { name: 'no line end', text: 'bus: user', want: `bus: user\n${checks.trimEnd()}` },
  { name: 'no line end, CRLF', text: 'a: 1\r\nb: 2', want: `a: 1\nb: 2\n${checks.trimEnd()}` },
  { name: 'CRLF', text: 'bus: user\r\n', want: `bus: user\n${checks}` },
  { name: 'document marks', text: '---\nbus: user\n...\n', want: `---\nbus: user\n${checks}...\n` },
  {
    name: 'marks alone',
    text: '# a\n---\n# b\n...\n# c\n',
    want: `# a\n---\n# b\n${checks}...\n# c\n`,
  },
  { name: 'a mark without a line end', text: '---', want: `---\n${checks.trimEnd()}` },
  {
    name: 'a section of comments',
    text: 'checks:\n  # http:\n  #   a: b\n\n# other\nbus: user\n',
    want: `checks:\n  # http:\n  #   a: b\n${http}\n# other\nbus: user\n`,
  },
  {
    name: 'another key of the section',
    text: 'checks:\n  tcp:\n    a: {host: h, port: 1}  # c\n# d\n',
    want: `checks:\n  tcp:\n    a: {host: h, port: 1}  # c\n${http}# d\n`,
  },
  {
    name: 'other entries, comments in and above them, blank lines',
    text: 'checks:\n  http:\n    # above\n    a:\n      url: x  # at\n      # in\n\n    # below\n\nbus: user\n',
    want: `checks:\n  http:\n    # above\n    a:\n      url: x  # at\n      # in\n${added}\n    # below\n\nbus: user\n`,
  },
  {
    name: 'deeper steps',
    text: 'store:\n    path: /x\nchecks:\n    interval: 3s\n',
    want: 'store:\n    path: /x\nchecks:\n    interval: 3s\n    http:\n        shop:\n            url: http://s/\n            interval_sec: 7\n',
  },
  {
    name: 'an empty map',
    text: 'checks:\n  http: {}\nbus: user\n',
    want: `checks:\n  http: \n${added}bus: user\n`,
  },
  {
    name: 'an empty map with a comment',
    text: 'checks:\n  http: {}  # none\n',
    want: `checks:\n  http:   # none\n${added}`,
  },
  {
    name: 'an empty section',
    text: 'checks: {}\nbus: user\n',
    want: `checks: \n${http}bus: user\n`,
  },
  {
    name: 'braces with a blank',
    text: 'checks:\n  http: { }\n',
    want: 'checks:\n  http: {shop: {url: http://s/, interval_sec: 7} }\n',
  },
  {
    name: 'braces with entries, a comma at their end, a comment',
    text: 'checks:\n  http: {a: {url: x}, # c\n  }\n',
    want: 'checks:\n  http: {a: {url: x}, shop: {url: http://s/, interval_sec: 7}, # c\n  }\n',
  },
  {
    name: 'braces in braces',
    text: 'checks: {tcp: {a: {host: h, port: 1}}}\n',
    want: 'checks: {tcp: {a: {host: h, port: 1}}, http: {shop: {url: http://s/, interval_sec: 7}}}\n',
  },
  {
    name: 'JSON',
    text: '{"bus":"user"}\n',
    want: '{"bus":"user", "checks": {"http": {"shop": {"url": "http://s/", "interval_sec": 7}}}}\n',
  },
  {
    name: 'text that keeps its blank lines',
    text: 'checks:\n  http:\n    a:\n      url: x\n      body: |+\n        t\n\n\n',
    want: `checks:\n  http:\n    a:\n      url: x\n      body: |+\n        t\n\n\n${added}`,
  },
  { name: 'tabs behind values', text: 'bus:\tuser\t# c\n', want: `bus:\tuser\t# c\n${checks}` },
];
for (const { name, text, want } of additions) {
  test(`added and removed again: ${name}`, async () => {
    const now = await set(text);
    assert.equal(now.replaceAll('\r\n', '\n'), want);
    if (/\r\n/.test(text)) assert.doesNotMatch(now, /[^\r]\n/, 'new lines end as the old ones');
    assert.equal(await remove(now), text);
  });
}

const changes: readonly { name: string; text: string; want: string }[] = [
  { name: 'plain', text: 'url: http://a # c', want: 'url: http://s/ # c' },
  { name: 'single quotes', text: "url: 'http://a'\t# c", want: "url: 'http://s/'\t# c" },
  { name: 'double quotes', text: 'url:   "http://\\u0061"', want: 'url:   "http://s/"' },
  { name: 'folded', text: 'url: >-\n        http://a', want: 'url: http://s/' },
  { name: 'over two lines', text: 'url: "http://a\\\n        b"', want: 'url: "http://s/"' },
  { name: 'behind a mark', text: '? url\n      : http://a', want: '? url\n      : http://s/' },
];
for (const { name, text, want } of changes) {
  test(`changed: ${name}`, async () => {
    const around = (entry: string): string =>
      `checks:\n  http:\n    shop:\n      ${entry}\n      interval_sec: 7\n    b: {url: y} # z\n`;
    assert.equal(await set(around(text)), around(want));
  });
}

test('changed in braces, what is missing is put behind', async () => {
  const text = 'checks: {http: {shop: {"url":"http://a","method":GET,}}}\n';
  const want = 'checks: {http: {shop: {"url":"http://s/","method":GET, interval_sec: 7,}}}\n';
  assert.equal(await set(text), want);
});

const removals: readonly { name: string; text: string; want: string }[] = [
  {
    name: 'the first in braces, comments stay',
    text: 'checks:\n  http: {\n    # a\n    shop: {url: x}, # b\n    # c\n    b: {url: y}}\n',
    want: 'checks:\n  http: {\n    # a\n    # b\n    # c\n    b: {url: y}}\n',
  },
  {
    name: 'the last in braces, behind a comment',
    text: 'checks:\n  http: {b: {url: y}, # c\n    shop: {url: x}}\n',
    want: 'checks:\n  http: {b: {url: y}, # c\n    }\n',
  },
  {
    name: 'what stands above stays',
    text: 'checks:\n  http:\n    # all of them\n    shop: # this\n      url: x\n      # in it\n    # next\n    b: {url: y}\n',
    want: 'checks:\n  http:\n    # all of them\n    # next\n    b: {url: y}\n',
  },
  {
    name: 'the last of a map with a comment behind its name',
    text: 'checks:\n  http:  # ours\n    shop: {url: x}\n',
    want: 'checks:\n  http: {} # ours\n',
  },
  {
    name: 'the last of a map with comments in it',
    text: 'checks:\n  http:\n    # ours\n    shop: {url: x}\nbus: user\n',
    want: 'checks:\n  http: {}\n    # ours\nbus: user\n',
  },
  { name: 'the last of all', text: 'checks: {http: {shop: {url: x}}}', want: 'checks: {}' },
  { name: 'what is not there', text: 'checks: {http: {}} # c', want: 'checks: {http: {}} # c' },
];
for (const { name, text, want } of removals) {
  test(`removed: ${name}`, async () => {
    assert.equal(await remove(text), want);
    assert.deepEqual((await parseYaml(want)).faults, []);
  });
}

test('names and values of every kind are read back as what they are', async () => {
  const any = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Buffer.from(text).toString()),
    fc.constantFrom('true', 'null', '~', '0x1f', '1e3', '12', ' x', 'x ', '- a', '? a', 'a: b'),
    fc.constantFrom(
      '# c',
      "it's",
      '"',
      '\\d+\\.',
      '{',
      '[a]',
      '%',
      '@',
      '`',
      '&a',
      '*a',
      '!t',
      '<<',
    ),
    fc.constantFrom('---', '...', 'a #b', 'a:', '\t', '\u2028', '\ufeff', 'é', '=', 'http://a:1/b'),
  );
  const name = any.filter((text) => text !== '<<');
  await fc.assert(
    fc.asyncProperty(
      name,
      any,
      fc.constantFrom('', '{}', '{"a": 1}', 'a:\n  - b'),
      async (key, value, text) => {
        const now = await setFields(text, ['x', key], [['y', value]]);
        assert.ok('text' in now, JSON.stringify(now));
        const { root, faults } = await parseYaml(now.text);
        assert.deepEqual(faults, []);
        assert.match(JSON.stringify(root), /./);
        assert.deepEqual(await removeEntry(now.text, ['x', key]), { text });
      },
    ),
    { numRuns: 1_000 },
  );
});

/** Texts that people write: sections in any order, comments, blank lines, line ends, steps. */
const gap = fc.constantFrom('', '', '\n', '# c\n', '\n# c: {d}\n\n', '   # far in\n');
const tail = fc.constantFrom('', '  # c', ' ', '\t# t');
const entry = (step: string) =>
  fc
    .record({
      name: fc.constantFrom('a', '"b c"', "'d'", 'e.f/g', 'h:1'),
      tail,
      form: fc.constantFrom('block', 'flow', 'folded'),
      inner: fc.constantFrom('', `${step}${step}${step}# in\n`, `\n${step}${step}# at\n`),
    })
    .map(({ name, tail: end, form, inner }) => {
      const at = step + step;
      if (form === 'flow') return `${at}${name}: {url: x, method: GET}${end}\n${inner}`;
      const body = form === 'folded' ? `${at}${step}body: |+\n${at}${step} t\n\n` : '';
      return `${at}${name}:${end}\n${at}${step}url: "x"${end}\n${body}${inner}`;
    });
const httpOf = (step: string) =>
  fc.oneof(
    fc.constant(''),
    tail.map((end) => `${step}http: {}${end}\n`),
    fc.constant(`${step}http: {z: {url: x}}\n`),
    fc
      .tuple(
        gap,
        fc.uniqueArray(entry(step), {
          selector: (text) => text.split(':')[0],
          maxLength: 4,
          minLength: 1,
        }),
      )
      .map(
        ([above, entries]) => `${step}http:\n${above.replace(/^(?=#)/gm, step)}${entries.join('')}`,
      ),
  );
const checksOf = (step: string) =>
  fc
    .tuple(
      httpOf(step),
      fc.constantFrom('', `${step}tcp: {t: {host: h}}\n`, `${step}interval: 3s # i\n`),
      gap,
      fc.boolean(),
    )
    .map(([web, other, between, first]) =>
      web + other === '' ? '' : `checks:\n${first ? web + between + other : other + between + web}`,
    );
const someText = fc.integer({ min: 1, max: 4 }).chain((width) =>
  fc
    .record({
      checks: checksOf(' '.repeat(width)),
      before: fc.constantFrom(
        '',
        'bus: user\n',
        'host: |\n  x\n\n',
        'service_whitelist:\n- a\n- b\n',
        '---\n',
        '--- # c\n',
      ),
      after: fc.constantFrom(
        '',
        'page: {token: "t"}\n',
        'metrics:\n    node_exporter_names: true\n',
        '...\n',
      ),
      gaps: fc.tuple(gap, gap, gap),
      crlf: fc.boolean(),
      cut: fc.boolean(),
    })
    .map(({ checks: section, before, after, gaps: [a, b, c], crlf, cut }) => {
      const text =
        before + a.replace(/^ +/, '') + section + b + after + (after === '...\n' ? '' : c);
      const ended = cut ? text.replace(/\n$/, '') : text;
      return crlf ? ended.replaceAll('\n', '\r\n') : ended;
    }),
);

async function isReadable(text: string): Promise<boolean> {
  return (await parseYaml(text)).faults.length === 0;
}

/** Every line is still there, in its order; braces may have got something in. */
function assertKept(text: string, now: string): void {
  const bare = (line: string): string => line.replace('{}', '').replace(/\s+/g, '');
  const lines = now.split('\n').map(bare);
  let at = 0;
  for (const line of text.split('\n').map(bare)) {
    at = lines.findIndex((one, i) => i >= at && one.startsWith(line.replace(/\}+$/, ''))) + 1;
    assert.ok(at > 0, `${JSON.stringify(line)} is gone in ${JSON.stringify(now)}`);
  }
}

test('whatever the text, an entry added and removed leaves every byte as it was', async () => {
  let tried = 0;
  await fc.assert(
    fc.asyncProperty(someText, async (text) => {
      fc.pre(await isReadable(text));
      tried++;
      const now = await set(text, ['checks', 'http', 'new one']);
      assert.ok(await isReadable(now), now);
      assertKept(text, now);
      assert.equal(await remove(now, ['checks', 'http', 'new one']), text);
    }),
    { numRuns: 1_500 },
  );
  assert.ok(tried > 1_000, `${tried}`);
});

test('whatever the text, a change touches the lines of its entry alone', async () => {
  const fields: readonly Field[] = [
    ['url', 'https://x.example.org/?a=b&c'],
    ['regex', "it's \\d+"],
    ['interval_sec', 30],
  ];
  await fc.assert(
    fc.asyncProperty(someText, async (text) => {
      fc.pre(await isReadable(text));
      const with1 = await set(text, ['checks', 'http', 'one']);
      const both = await set(with1, ['checks', 'http', 'two']);
      const changed = await set(both, ['checks', 'http', 'one'], fields);
      assert.equal(
        await remove(changed, ['checks', 'http', 'one']),
        await remove(both, ['checks', 'http', 'one']),
      );
      const before = both.split('\n');
      const after = changed.split('\n');
      const first = before.findIndex((line, i) => line !== after[i]);
      const last = before.findLastIndex(
        (line, i) => line !== after[i - before.length + after.length],
      );
      const touched = before.slice(first, last + 1).join('\n');
      assert.ok(last - first < 3 && /url: http|interval_sec/.test(touched), touched);
    }),
    { numRuns: 700 },
  );
});

test('what is written too strangely is refused, and nothing is lost', async () => {
  const strange = [
    'checks: ~\n',
    'checks: null # c\n',
    'checks: [a]\n',
    'checks: text\n',
    '"checks": {"http": text}\n',
    '- a\n',
  ];
  for (const text of strange) {
    const said = await setFields(text, shop, two);
    const fault = 'checks.http.shop: is written in a way that no command can edit; edit it by hand';
    assert.deepEqual(said, { fault }, text);
  }
});

test('no text makes an edit throw, and what it gives is what was meant', async () => {
  const piece = fc.constantFrom(
    ...['checks', 'http', 'shop', 'url', ': ', ':', '\n', '\n  ', '\n    ', '- ', '{', '}', ', '],
    ...[
      '# c',
      ' # c',
      '"',
      "'",
      '|\n',
      '>-\n',
      '? ',
      '---\n',
      '...\n',
      '\t',
      '\r\n',
      '{}',
      'x',
      '~',
    ],
  );
  const text = fc.array(piece, { maxLength: 25 }).map((parts) => parts.join(''));
  let edited = 0;
  await fc.assert(
    fc.asyncProperty(text, async (any) => {
      fc.pre(await isReadable(any));
      const now = await setFields(any, shop, two);
      if (!('text' in now)) return;
      edited++;
      assert.ok(await isReadable(now.text));
      const gone = await removeEntry(now.text, shop);
      if ('text' in gone) assert.ok(await isReadable(gone.text));
    }),
    { numRuns: 5_000 },
  );
  assert.ok(edited > 500, `${edited}`);
});
