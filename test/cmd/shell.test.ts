import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { History, historyMax } from '../../cmd/shell-history.ts';
import { completions, wordsOf } from '../../cmd/shell-words.ts';
import { TestPlatform } from './shell-platform.ts';
import { keys, plain, run, Terminal } from './shell-terminal.ts';

test('words of a line', () => {
  const cases: readonly (readonly [string, readonly string[] | RegExp])[] = [
    ['', []],
    ['   \t ', []],
    ['# a comment', []],
    ['start kafka server', ['start', 'kafka', 'server']],
    ['start "kafka server" # and so on', ['start', 'kafka server']],
    ["start 'it\\s'", ['start', 'it\\s']],
    ['start kafka\\ server', ['start', 'kafka server']],
    ['start "a \\"b\\" c"', ['start', 'a "b" c']],
    ['stop a#b', ['stop', 'a#b']],
    ['x ""', ['x', '']],
    ['stop "kafka', /not closed/],
    ["stop it's", /not closed/],
    ['stop \\', /backslash/],
    [`stop ${'a'.repeat(5_000)}`, /at most/],
  ];
  for (const [line, want] of cases) {
    const words = wordsOf(line);
    if (want instanceof RegExp) assert.match('wrong' in words ? words.wrong : '', want, line);
    else assert.deepEqual(words, want, line);
  }
});

test('what Tab offers', () => {
  const commands = new Map([
    ['start', true],
    ['status', false],
    ['stop', true],
  ]);
  const names = () => ['kafka server', 'kafka zookeeper', 'web.service', 'bad\x1b]0;name', 'it"s'];
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ['', ['start ', 'status', 'stop '], ''],
    ['sta', ['start ', 'status'], 'sta'],
    ['start ', ['kafka server', 'kafka zookeeper', 'web.service'], ''],
    ['start kafka s', ['kafka server'], 'kafka s'],
    ['start "kafka s', ['"kafka server"'], '"kafka s'],
    ['stop -y -a we', ['web.service'], 'we'],
    ['status k', [], 'k'],
    ['nothing k', [], 'k'],
  ];
  for (const [line, hits, part] of cases)
    assert.deepEqual(completions(line, commands, names), [[...hits], part], line);
});

describe('the history', () => {
  const platform = new TestPlatform();
  after(() => platform.close());
  const file = join(platform.env['XDG_STATE_HOME'] ?? '', 'unitwatch/shell_history');

  test('it is appended to by several, only for its owner, and bounded', () => {
    const one = new History(platform.env);
    const other = new History(platform.env);
    assert.deepEqual(one.load(), []);
    one.add('start a');
    other.add('start b');
    one.add('  ');
    one.add('steer\x1b[2J');
    one.add('start c');
    assert.deepEqual(other.load(), ['start c', 'start b', 'start a']);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
    for (let i = 0; i < historyMax + 10; i++) one.add(`line ${i}`);
    const loaded = other.load();
    assert.equal(loaded.length, historyMax);
    assert.equal(loaded[0], `line ${historyMax + 9}`);
    assert.equal(readFileSync(file, 'utf8').split('\n').length, historyMax + 1);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test('what is no file of ours is left alone', () => {
    const folder = join(platform.folder, 'other');
    mkdirSync(join(folder, 'unitwatch'), { recursive: true });
    const target = join(folder, 'precious');
    writeFileSync(target, 'precious\n');
    symlinkSync(target, join(folder, 'unitwatch/shell_history'));
    const history = new History({ XDG_STATE_HOME: folder });
    history.add('start a');
    assert.deepEqual(history.load(), []);
    assert.equal(readFileSync(target, 'utf8'), 'precious\n');
    const nowhere = new History({ XDG_STATE_HOME: '/dev/null' });
    nowhere.add('start a');
    assert.deepEqual(nowhere.load(), []);
  });
});

describe('the shell at a terminal', () => {
  const platform = new TestPlatform();
  let terminal: Terminal;
  before(() => {
    platform.configure(
      {
        'kafka server': { needs: ['zookeeper'] },
        zookeeper: {},
        'slow one': { first: 'read -rt 600 <> <(:)' },
      },
      { shell: { prompt: 'rta>> ' } },
    );
  });
  after(async () => {
    await terminal?.close();
    platform.close();
  });

  test('prompt, Tab, start with what it depends on, status', async () => {
    terminal = await Terminal.open(['shell'], { env: platform.env });
    await terminal.sees('rta>> ');
    // All in one piece, as who types ahead and programs send it.
    terminal.type(`sta${keys.tab}${keys.tab}`);
    await terminal.sees(/status +start/);
    await terminal.sees('rta>> ');
    terminal.type(`rt kaf${keys.tab}${keys.enter}`);
    await terminal.sees('ka server');
    await terminal.sees(/starting zookeeper \.\.\./);
    await terminal.sees(/zookeeper: runs\r\n/);
    await terminal.sees(/kafka server: runs\r\n/);
    await terminal.sees('rta>> ');
    terminal.type(`status${keys.enter}`);
    const table = plain(await terminal.sees(/zookeeper +\S+ s +PID/));
    assert.match(table, /running component kafka server/);
    await terminal.sees('rta>> ');
  });

  test('stop warns of what would suffer and asks', async () => {
    terminal.type(`stop zookeeper${keys.enter}`);
    await terminal.sees(/would suffer.*: kafka server\r\n/);
    await terminal.sees('Stop zookeeper? [y/N] ');
    terminal.type(`n${keys.enter}`);
    await terminal.sees('zookeeper was not stopped.');
    await terminal.sees('rta>> ');
    assert.equal(platform.processes().length, 2);
    terminal.type(`stop -a zookeeper${keys.enter}`);
    await terminal.sees('Before it these are stopped: kafka server');
    await terminal.sees('[y/N] ');
    terminal.type(`y${keys.enter}`);
    await terminal.sees(/kafka server: stopped\r\n/);
    await terminal.sees(/zookeeper: stopped\r\n/);
    await terminal.sees('rta>> ');
    assert.deepEqual(platform.processes(), []);
  });

  test('Ctrl-C ends the waiting, the question and the line, not the shell', async () => {
    terminal.type(`start slow one${keys.enter}`);
    await terminal.sees(/starting slow one \.\.\. 1 s/);
    terminal.type(keys.ctrlC);
    await terminal.sees(/slow one: not waited for any longer/);
    await terminal.sees('rta>> ');
    terminal.type(`start zookeeper${keys.enter}`);
    await terminal.sees('zookeeper: runs');
    await terminal.sees('rta>> ');
    terminal.type(`start kafka server${keys.enter}`);
    await terminal.sees('kafka server: runs');
    await terminal.sees('rta>> ');
    terminal.type(`restart zookeeper${keys.enter}`);
    await terminal.sees('Restart zookeeper? [y/N] ');
    terminal.type(keys.ctrlC);
    await terminal.sees('zookeeper was not restarted.');
    await terminal.sees('rta>> ');
    terminal.type(`stop nonsense${keys.ctrlC}`);
    await terminal.sees('^C');
    await terminal.sees('rta>> ');
    terminal.type(`list${keys.enter}`);
    await terminal.sees('kafka server  needs zookeeper');
    await terminal.sees('rta>> ');
  });

  test('what is wrong is said, with what was meant', async () => {
    for (const [line, says] of [
      ['statsu', /no command statsu\. Did you mean status\?/],
      ['start kafka serve', /no unit kafka serve here\. Did you mean kafka server\?/],
      ['start', /Name a component or a unit/],
      ['stop "kafka', /not closed/],
      ['events', /`listen` is off/],
      ['impact zookeeper', /When zookeeper stops, these components suffer: kafka server/],
      ['?', /Tab completes/],
    ] as const) {
      terminal.type(`${line}${keys.enter}`);
      await terminal.sees(says);
      await terminal.sees('rta>> ');
    }
  });

  test('it is left by Ctrl-D; the next one knows the history', async () => {
    terminal.type(keys.ctrlD);
    assert.equal(await terminal.exited, 0);
    terminal = await Terminal.open(['shell'], { env: platform.env });
    await terminal.sees('rta>> ');
    terminal.type(keys.up);
    await terminal.sees('?');
    terminal.type(keys.up);
    await terminal.sees('impact zookeeper');
    terminal.type(`${keys.ctrlC}exit${keys.enter}`);
    assert.equal(await terminal.exited, 0);
    const lines = readFileSync(
      join(platform.env['XDG_STATE_HOME'] ?? '', 'unitwatch/shell_history'),
      'utf8',
    ).split('\n');
    assert.ok(lines.includes('start kafka server'));
    assert.ok(!lines.includes('y') && !lines.includes('n'), 'answers are no commands');
  });
});

describe('commands piped into the shell', () => {
  const platform = new TestPlatform();
  before(() =>
    platform.configure({ web: { needs: ['data base'] }, 'data base': {}, lost: { noStart: true } }),
  );
  after(() => platform.close());
  const script = (input: string, ...argv: readonly string[]) =>
    run(['shell', ...argv], { env: platform.env, input });

  test('a script runs line by line, without a prompt', async () => {
    const { status, out, err } = await script(
      '# a platform\n\nstart web\nlist\nstop -y -a "data base"\n',
    );
    assert.deepEqual([status, err], [0, '']);
    assert.equal(
      out,
      [
        ...['starting data base ...', 'data base: runs', 'starting web ...', 'web: runs'],
        ...['web  needs data base', 'data base', 'lost'],
        ...['stopping web ...', 'web: stopped', 'stopping data base ...', 'data base: stopped', ''],
      ].join('\n'),
    );
    assert.ok(!existsSync(join(platform.folder, 'state')), 'a script leaves no history');
  });

  test('the exit status is that of the last command', async () => {
    const failing = await script('start lost\nlist\n');
    assert.equal(failing.status, 0);
    assert.match(failing.out, /lost: lost has no start command/);
    const last = await script('list\nstart lost\n');
    assert.equal(last.status, 1);
    const ended = await script('start lost\nlist\n', '-e');
    assert.equal(ended.status, 1);
    assert.doesNotMatch(ended.out, /needs data base/);
    assert.equal((await script('nonsense\n')).status, 2);
    assert.equal((await script('nonsense\nexit\nlist\n')).status, 2);
    assert.equal((await script('')).status, 0);
  });

  test('a script is warned of what others suffer from, and not asked', async () => {
    const { status, out } = await script('start web\nstop data base\n');
    assert.equal(status, 0);
    assert.match(out, /would suffer.*: web/);
    assert.match(out, /data base: stopped/);
    assert.equal((await script('stop web\n')).status, 0);
    assert.deepEqual(platform.processes(), []);
  });

  test('asked wrongly', async () => {
    assert.equal((await run(['shell', 'a', 'b'], { env: platform.env })).status, 2);
    assert.equal((await run(['shell', '--loud'], { env: platform.env })).status, 2);
    assert.match((await run(['shell', '--help'])).out, /^Usage: unitwatch shell/);
  });
});
