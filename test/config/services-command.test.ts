import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { type Ran, runConfig } from './run-config.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();
const reload = 'A running agent takes it on a reload: systemctl reload unitwatch\n';
let made = 0;

function write(text: string | Buffer, name = `${made++}.yaml`): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function services(file: string, ...argv: readonly string[]): Promise<Ran> {
  return runConfig(['services', ...argv, '--config-path', file]);
}

async function done(file: string, ...argv: readonly string[]): Promise<string> {
  const { status, out, err } = await services(file, ...argv);
  assert.deepEqual([status, err], [0, reload], err);
  return out;
}

/** Refused with this, and the file untouched. */
async function refused(file: string, argv: readonly string[], want: string | RegExp) {
  const before = readFileSync(file);
  const { status, out, err } = await services(file, ...argv);
  assert.deepEqual([status, out], [2, '']);
  if (typeof want === 'string') assert.equal(err, `${want}\n`);
  else assert.match(err, want);
  assert.deepEqual(readFileSync(file), before);
}

const both = `# mine
checks:
  tcp:
    door: {host: h, port: 22, interval: 10s}  # c
  http:
    # the shop
    shop:
      url: "http://shop/"   # here
      regex: 'a'
      check_regex: true
`;

test('add, show, update, remove: the file keeps everything else', async () => {
  const file = write(both);
  chmodSync(file, 0o640);
  const options = ['--regex', "it's \\d+", '--check-regex', '--interval', '30', '--timeout', '7'];
  const url = 'https://a.example.org:8443/b/c/?q=1#f';
  assert.equal(
    await done(file, 'add', url, 'post', ...options),
    'Service 3 is added: a.example.org:8443/b/c\n',
  );
  const added = `    a.example.org:8443/b/c:
      url: '${url}'
      method: POST
      regex: 'it''s \\d+'
      interval_sec: 30
      timeout: 7
      check_regex: true
`;
  assert.equal(readFileSync(file, 'utf8'), both + added);
  const { out, err } = await services(file, 'show', '--numbered');
  assert.equal(err, '');
  assert.deepEqual(
    out.split('\n').map((line) => line.replace(/ {2,}/g, ' | ')),
    [
      'NUMBER | NAME | KIND | METHOD | TARGET | INTERVAL | TIMEOUT | CHECK | REGEX',
      '1 | door | tcp | - | h:22 | 10s | 5s | - | -',
      '2 | shop | http | GET | http://shop/ | 5s | 15s | yes | a',
      `3 | a.example.org:8443/b/c | http | POST | ${url} | 30s | 7s | yes | it's \\d+`,
      '',
    ],
  );
  const plain = await services(file, 'show');
  assert.equal(
    plain.out.split('\n')[1]?.replace(/ {2,}/g, ' | '),
    'door | tcp | - | h:22 | 10s | 5s | - | -',
  );
  const { out: json } = await services(file, 'show', '--json');
  assert.deepEqual(JSON.parse(json)[1], {
    ...{ number: 2, name: 'shop', kind: 'http', target: 'http://shop/', method: 'GET' },
    ...{ regex: 'a', check_regex: true, interval_sec: 5, timeout_sec: 15 },
  });

  assert.equal(
    await done(file, 'update', '1', '--interval', '3', '--timeout', '4'),
    'Service 1 is changed: door\n',
  );
  assert.equal(
    await done(file, 'update', '2', '--toggle-check-regex', '--regex', 'b'),
    'Service 2 is changed: shop\n',
  );
  await done(file, 'update', '3', '--toggle-check-regex');
  await done(file, 'update', '3', '--toggle-check-regex', '--timeout', '8');
  const changed = both
    .replace('10s}', '3s, timeout: 4s}')
    .replace("'a'", "'b'")
    .replace('check_regex: true', 'check_regex: false');
  assert.equal(readFileSync(file, 'utf8'), changed + added.replace('timeout: 7', 'timeout: 8'));

  assert.equal(await done(file, 'remove', '3'), 'Service 3 is removed: a.example.org:8443/b/c\n');
  assert.equal(readFileSync(file, 'utf8'), changed);
  await done(file, 'remove', '1');
  assert.equal(await done(file, 'remove', '1'), 'Service 1 is removed: shop\n');
  assert.equal(readFileSync(file, 'utf8'), '# mine\nchecks:\n  http: {}\n    # the shop\n');
  assert.equal((await services(file, 'show', '--numbered')).out, 'There are no services.\n');
});

test('what an option leaves out is the default: GET, no check, 5 s, 15 s', async () => {
  const file = write('');
  await done(file, 'add', 'http://a');
  const loaded = await loadConfig({ file, env: {} });
  assert.ok('config' in loaded);
  const one = loaded.config.checks.http.get('a');
  assert.deepEqual(
    [one?.method, one?.interval_sec, one?.timeout, one?.regex, one?.check_regex],
    ['GET', 5, 15, undefined, false],
  );
});

test('UNITWATCH_CONFIG names the file, too', async () => {
  const file = write('');
  const { status } = await runConfig(['services', 'add', 'http://a'], { UNITWATCH_CONFIG: file });
  assert.equal(status, 0);
  assert.match(readFileSync(file, 'utf8'), /^ {4}a:\n/m);
});

test('names: of a URL without its query, of a method, with a number; never twice', async () => {
  const file = write('checks: {components: {api.example.org: {unit: a}}}\n');
  const names: string[] = [];
  const add = async (...argv: string[]) => {
    names.push((await done(file, 'add', ...argv)).replace(/^Service \d+ is added: |\n$/g, ''));
  };
  await add('http://api.example.org', 'GET');
  await add('http://api.example.org/', 'GET');
  await add('https://api.example.org?token=geheim', 'GET');
  await add('http://api.example.org', 'HEAD');
  await add('http://[::1]:80/x//', 'GET');
  await add(`http://long/${'x'.repeat(400)}`, 'GET');
  await add('http://api.example.org', 'GET', '--name', ' my own: "#1" ');
  await add('http://MÜNCHEN.example/ä', 'GET');
  assert.deepEqual(names, [
    'api.example.org GET',
    'api.example.org 2',
    'api.example.org 3',
    'api.example.org HEAD',
    '[::1]/x',
    `long/${'x'.repeat(195)}`,
    ' my own: "#1" ',
    'xn--mnchen-3ya.example/%C3%A4',
  ]);
  await refused(
    file,
    ['add', 'http://a', '--name', 'api.example.org'],
    '--name: "api.example.org" is the name of another check already',
  );
  await refused(
    file,
    ['add', 'http://a', '--name', '[::1]/x'],
    '--name: "[::1]/x" is the name of another check already',
  );
  const again =
    'service 1 asks this URL with this method already; change it with update, or give this one a --name';
  await refused(file, ['add', 'http://api.example.org', 'get'], again);
  await refused(
    file,
    ['add', 'http://a', '--name', ''],
    '--name would make an entry without a name',
  );
  await refused(
    file,
    ['add', 'http://a', '--name', 'a\u001b[31m'],
    '--name would make a name with control characters',
  );
  await refused(
    file,
    ['add', 'http://a', '--name', 'x'.repeat(256)],
    '--name would make a name of more than 255 characters',
  );
  await refused(
    file,
    ['add', 'http://a', '--name', '<<'],
    /is written in a way that no command can edit/,
  );
});

const wrong: readonly (readonly [readonly string[], string | RegExp])[] = [
  [['add', 'ftp://a'], 'URL must be a URL that begins with http:// or https:// (got "ftp://a")'],
  [
    ['add', 'a.example.org/x'],
    'URL must be a URL that begins with http:// or https:// (got "a.example.org/x"); did you mean \'http://a.example.org/x\'?',
  ],
  [
    ['add', 'http://a\u001b[31m'],
    'URL must not contain control characters (got "http://a\\u{1b}[31m")',
  ],
  [['add', 'http://a\nb: c'], 'URL must not contain control characters (got "http://a\\u{a}b: c")'],
  [['add', 'http://me:geheim@a/'], 'URL must not hold a user or a password: send them in a header'],
  [
    ['add', 'http://a', '--interval', '--check-regex'],
    "unitwatch config: Option '--interval' needs a value; one that begins with - is given as --interval=-...\nTry: unitwatch config --help",
  ],
  [['add', `http://${'a'.repeat(3_000)}`], /^URL must have at most 2048 characters/],
  [
    ['add', 'http://a', 'FETCH'],
    /^METHOD must be one of GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH \(got "FETCH"\)/,
  ],
  [
    ['add', 'http://a', '--interval', '4'],
    '--interval must be a whole number from 5 to 300 (got 4)',
  ],
  [
    ['add', 'http://a', '--interval', '301'],
    '--interval must be a whole number from 5 to 300 (got 301)',
  ],
  [
    ['add', 'http://a', '--interval', '5s'],
    /^--interval must be a whole number from 5 to 300 \(got "5s"\)/,
  ],
  [
    ['add', 'http://a', '--timeout', '0.5'],
    '--timeout must be a whole number from 1 to 300 (got 0.5)',
  ],
  [['add', 'http://a', '--regex', '('], /^--regex the regex "\(" cannot be read: .*\n$/],
  [
    ['add', 'http://a', '--regex', '(a)\\1'],
    /^--regex the regex .* look-ahead and back-references can run for ever/,
  ],
  [['add', 'http://a', '--regex', '(a{1,999}){1,999}'], /^--regex the regex .*\n$/],
  [['add', 'http://a', '--regex', 'x'.repeat(1_001)], /^--regex must have at most 1000 characters/],
  [['add', 'http://a', '--regex', ''], '--regex must not be empty (got "")'],
  [
    ['add', 'http://a', '--check-regex'],
    '--check-regex: there is no regex to check; give one with --regex',
  ],
  [
    ['add', 'ftp://a', '--interval', '1', '--timeout', 'x'],
    /^URL .*\n--interval .*\n--timeout .*\n$/,
  ],
  [
    ['update', '2'],
    'unitwatch config: services update changes nothing; give it --regex, --toggle-check-regex, --interval or --timeout',
  ],
  [['update', '1', '--regex', 'a'], 'service 1 is a TCP service, which has no body and no regex'],
  [
    ['update', '1', '--toggle-check-regex'],
    'service 1 is a TCP service, which has no body and no regex',
  ],
  [['update', '1', '--interval', '0'], /^--interval must be from 1s to 1d \(got "0s"\)/],
  [['update', '2', '--timeout', '301'], '--timeout must be a whole number from 1 to 300 (got 301)'],
  [
    ['update', '0', '--timeout', '3'],
    /: there is no service 0: there are 1 to 2, see services show --numbered\n$/,
  ],
  [['remove', '3'], /: there is no service 3: /],
  [['remove', '1e0'], /: there is no service 1e0: /],
  [['remove', 'shop'], /: there is no service shop: /],
];
for (const [argv, want] of wrong) {
  test(`refused: ${JSON.stringify(argv).slice(0, 80)}`, () => refused(write(both), argv, want));
}

test('a toggle without a regex is refused, and taken with one', async () => {
  const file = write('checks: {http: {a: {url: "http://a"}}}\n');
  await refused(
    file,
    ['update', '1', '--toggle-check-regex'],
    'service 1 has no regex to check; give one with --regex',
  );
  await done(file, 'update', '1', '--toggle-check-regex', '--regex', '[x]');
  assert.equal(
    readFileSync(file, 'utf8'),
    'checks: {http: {a: {url: "http://a", regex: \'[x]\', check_regex: true}}}\n',
  );
});

const left = 'is not edited before that is mended';
const files: readonly { name: string; text: string | Buffer; want: RegExp }[] = [
  {
    name: 'wrong already',
    text: 'bsu: user\n',
    want: new RegExp(`bsu: is no key.*\\n.*: ${left}\\n$`),
  },
  {
    name: 'a list',
    text: 'checks: {http: [a]}\n',
    want: /checks\.http: must be a section of names/,
  },
  {
    name: 'null',
    text: 'checks:\n  http:\n',
    want: /checks\.http: has no value; write \{\} for none/,
  },
  {
    name: 'anchors',
    text: 'checks:\n  http:\n    a: &a {url: "http://a"}\n    b: *a\n',
    want: /the anchor &a: write the value itself\n.*the alias \*a/,
  },
  {
    name: 'a bomb',
    text: `a: &a [x]\nb: &b [${'*a,'.repeat(9)}]\nc: [${'*b,'.repeat(9)}]\n`,
    want: /the anchor &a/,
  },
  { name: 'depth', text: '['.repeat(5_000), want: /nested more than 32 levels deep/ },
  {
    name: 'words',
    text: `a: [${'x,'.repeat(200_000)}]`,
    want: /too much for a configuration file/,
  },
  { name: 'tabs', text: 'checks:\n\thttp: {}\n', want: /Tabs are not allowed as indentation/ },
  { name: 'two documents', text: 'bus: user\n---\nbus: user\n', want: /a second YAML document/ },
  { name: 'latin', text: Buffer.from('host: caf\xe9\n', 'latin1'), want: /is not UTF-8/ },
  {
    name: 'an old file',
    text: '[monitor]\ncheck_interval = 5\n',
    want: /is no YAML but an old config\.ini, which no command edits; write it as YAML with: unitwatch config import/,
  },
  {
    name: 'a name that clashes',
    text: 'checks: {tcp: {a: {host: h, port: 1}}, http: {a: {url: "http://a"}}}\n',
    want: /checks\.tcp has this name already/,
  },
  {
    name: 'a secret that all may read',
    text: 'page: {token: geheim}\n',
    want: /holds the secret page\.token, and every user may read it; run: chmod o-r/,
  },
  {
    name: 'checks: ~',
    text: 'checks: ~\n',
    want: /: checks\.http\.a: is written in a way that no command can edit; edit it by hand\n$/,
  },
];
for (const { name, text, want } of files) {
  test(`a file that cannot be edited: ${name}`, () => {
    const file = name === 'an old file' ? write(text, 'config.ini') : write(text);
    return refused(file, ['add', 'http://a'], want);
  });
}

test('a file that is not there, or may not be read', async () => {
  const gone = join(directory, 'gone.yaml');
  const add = await services(gone, 'add', 'http://a');
  assert.deepEqual(add, {
    status: 2,
    out: '',
    err: `${gone}: does not exist; make it with unitwatch config create POSTGRES-URL, or for use without PostgreSQL make an empty file\n`,
  });
  const show = await services(directory, 'show');
  assert.deepEqual(
    [show.status, show.err],
    [2, `${directory}: is a directory; name the file in it\n`],
  );
});

test('byte order mark, CRLF, an empty section of comments, JSON', async () => {
  for (const [name, text] of [
    ['mark.yaml', '\ufeffbus: user\r\nchecks:\r\n  # http:\r\n  #   a: b\r\n'],
    ['empty.yaml', 'checks:\n  http: {}  # none yet\n'],
    ['c.json', '{\n  "bus": "user"\n}\n'],
  ] as const) {
    const file = write(text, name);
    await done(file, 'add', 'http://a/b', 'GET', '--regex', '"x"');
    assert.notEqual(readFileSync(file, 'utf8'), text);
    if (name.endsWith('.json')) JSON.parse(readFileSync(file, 'utf8'));
    await done(file, 'update', '1', '--regex', "'y\\d'");
    if (name.endsWith('.json')) JSON.parse(readFileSync(file, 'utf8'));
    await done(file, 'remove', '1');
    assert.equal(readFileSync(file, 'utf8'), text);
  }
});

test('1,000 services, of which one is added, changed and removed; a file of a mebibyte', async () => {
  const many = Array.from(
    { length: 1_000 },
    (_, i) =>
      `    s${i}:\n      url: http://s${i}/\n      method: GET\n      regex: 'a'\n      interval_sec: 30\n`,
  );
  const text = `checks:\n  http:\n${many.join('')}`;
  const file = write(text);
  const begun = performance.now();
  await done(file, 'add', 'http://new/');
  await done(file, 'update', '1001', '--timeout', '9');
  await done(file, 'update', '500', '--interval', '60');
  await done(file, 'remove', '1001');
  const perEdit = (performance.now() - begun) / 4;
  const want = text.replace(/(s499:\n(?:.*\n){3} +interval_sec: )30/, '$160');
  assert.notEqual(want, text);
  assert.equal(readFileSync(file, 'utf8'), want);
  assert.ok(perEdit < 15_000, `${perEdit} ms`);
  const room = 1_048_576 - 60;
  const full = write(`${'# 3456789\n'.repeat(Math.floor(room / 10))}bus: user\n`);
  await refused(full, ['add', 'http://a/'], /: would be larger than 1024 KiB\n$/);
});
