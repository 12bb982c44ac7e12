import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ControlOptions,
  startComponent,
  stopComponent,
} from '../../src/checks/process/control.ts';
import { isPlan, planOf } from '../../src/checks/process/hosts.ts';
import { ProcTable } from '../../src/checks/process/proc-table.ts';
import { ProcessChecks } from '../../src/checks/process/process-checks.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { Control } from '../../src/control.ts';
import { type Component, defaultComponent } from '../../src/model/platform.ts';
import { eventually, isThere } from './standing.ts';

/* Real commands. Each component is known by a word that is in no other process' arguments. */

let folder: string;
let words = 0;
const started: number[] = [];
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'unitwatch-control-'));
});
after(async () => {
  const proc = new ProcTable();
  for (const pid of started) {
    const list = proc.arguments(pid);
    if (typeof list === 'object' && list.texts.some((text) => text.startsWith(folder)))
      process.kill(pid, 'SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A component whose one process is a shell with a word of its own as its last argument. */
function component(more: (word: string) => Partial<Component>): Component {
  const word = join(folder, `word${words++}`);
  return {
    ...defaultComponent,
    name: 'one',
    criteria: [{ index: -1, regex: `^${word}$` }],
    max: 1,
    ...more(word),
  };
}

/** `then` runs in a shell that carries the word. */
function shell(word: string, then: string): readonly [string, ...string[]] {
  return ['/bin/sh', '-c', then, 'sh', word];
}

function control(
  one: Component,
  more: Partial<Omit<ControlOptions, 'checks'>> = {},
): ControlOptions & { checks: ProcessChecks } {
  const plan = planOf({ components: [one], groups: [], hosts: [] }, 'here');
  assert.ok(isPlan(plan));
  const uid = process.getuid?.() ?? -1;
  const checks = new ProcessChecks({
    plan,
    addresses: () => [],
    thresholds: { down: 1, up: 1, graceUs: 0 },
    intervalMs: 60_000,
    timeoutMs: 60_000,
    lookUpUnit: () => undefined,
    clock: systemClock,
    onChange: () => {},
    uid,
  });
  const { env } = process;
  return { checks, clock: systemClock, timeoutMs: 20_000, graceMs: 20_000, uid, env, ...more };
}

async function pidOf(options: { checks: ProcessChecks }): Promise<number> {
  await options.checks.checkNow();
  const [{ pid } = { pid: 0 }] = options.checks.identities('one');
  started.push(pid);
  return pid;
}

const done = { outcome: 'ok', reason: '', output: [] };

const sleeping = 'while :; do sleep 0.1; done';

test('starting waits until it runs; again is nothing to do; stopping ends it by SIGTERM', async () => {
  const one = component((word) => ({
    start: ['/bin/sh', '-c', `sleep 0.3; exec /bin/sh -c '${sleeping}' sh ${word}`, 'launcher'],
    workingDirectory: folder,
  }));
  const options = control(one);
  assert.deepEqual(await startComponent('one', options), done);
  const pid = await pidOf(options);
  assert.ok(isThere(pid));
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  assert.equal(Number(fields[3]), pid, 'a session of its own');
  assert.deepEqual(await startComponent('one', options), {
    outcome: 'skipped',
    reason: 'one already runs',
    output: [],
  });
  assert.deepEqual(await stopComponent('one', options), done);
  assert.equal(isThere(pid), false);
  assert.deepEqual(await stopComponent('one', options), {
    outcome: 'skipped',
    reason: 'one does not run',
    output: [],
  });
});

test('what does not end by SIGTERM is killed after the grace', async () => {
  const one = component((word) => ({ start: shell(word, `trap '' TERM; ${sleeping}`) }));
  const options = control(one, { graceMs: 300 });
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  const pid = await pidOf(options);
  assert.deepEqual(await stopComponent('one', options), done);
  assert.equal(isThere(pid), false);
});

test('it gets SIGTERM first, and may end in order', async () => {
  const mark = join(folder, 'in-order');
  const one = component((word) => ({
    start: shell(word, `trap 'touch ${mark}; exit' TERM; ${sleeping}`),
  }));
  const options = control(one);
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  await pidOf(options);
  assert.deepEqual(await stopComponent('one', options), done);
  assert.ok(existsSync(mark));
});

test('who leaves waits no longer, and what was begun is let be', async () => {
  const mark = join(folder, 'let-be');
  const one = component(() => ({ start: `sleep 1; touch ${mark}` }));
  const options = control(one, { timeoutMs: 60_000 });
  let looks = 0;
  const checks: ProcessChecks = Object.create(options.checks, {
    checkNow: {
      value: () => {
        looks += 1;
        return options.checks.checkNow();
      },
    },
    components: { get: () => options.checks.components },
    order: { get: () => options.checks.order },
    component: { value: (name: string) => options.checks.component(name) },
  });
  const engine = new Control({
    ...{ clock: systemClock, uid: options.uid, env: process.env, graceMs: () => 1_000 },
    units: async () => ({ fault: 'there is none' }),
    checks: () => checks,
    impact: async () => ({ wrong: 'there is none' }),
  });
  const leaving = new AbortController();
  const target = await engine.find('one');
  assert.ok(!('wrong' in target));
  const limits = { timeoutMs: 60_000, signal: leaving.signal };
  const taking = engine.take({ verb: 'start', target, all: false }, async () => {}, limits);
  await eventually('it was begun', () => looks > 2);
  leaving.abort();
  assert.equal((await taking).steps[0]?.words, 'not waited for any longer; what was begun goes on');
  await eventually('its command has ended', () => existsSync(mark));
  const last = looks;
  await sleep(1_200);
  assert.equal(looks, last, 'nobody looks for it any more');
});

test('a stop command ends it; what it leaves gets a signal all the same', async () => {
  const mark = join(folder, 'stopped');
  const one = component((word) => ({ start: shell(word, sleeping), stop: `touch ${mark}` }));
  const options = control(one);
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  const pid = await pidOf(options);
  assert.deepEqual(await stopComponent('one', options), done);
  assert.ok(existsSync(mark));
  assert.equal(isThere(pid), false);
});

const failures: readonly {
  name: string;
  given: (word: string) => Partial<Component>;
  want: { outcome: string; reason: RegExp };
}[] = [
  {
    name: 'no start command',
    given: () => ({}),
    want: { outcome: 'refused', reason: /one has no start command/ },
  },
  {
    name: 'a unit',
    given: () => ({ criteria: [], unit: 'x.service' }),
    want: { outcome: 'refused', reason: /is the unit x\.service/ },
  },
  {
    name: 'a command that fails',
    given: () => ({ start: 'exit 3' }),
    want: { outcome: 'failed', reason: /its start command ended with status 3/ },
  },
  {
    name: 'a command that is not there',
    given: () => ({ start: ['/no/such/command'] }),
    want: { outcome: 'failed', reason: /cannot be run: there is no program/ },
  },
  {
    name: 'a folder that is not there',
    given: () => ({ start: ['true'], workingDirectory: '/no/such/folder' }),
    want: { outcome: 'refused', reason: /no folder \/no\/such\/folder/ },
  },
  {
    name: 'a user who is not there',
    given: () => ({ start: ['true'], user: 'no-such-user' }),
    want: { outcome: 'refused', reason: /no user no-such-user/ },
  },
  {
    name: 'a component that never runs',
    given: () => ({ start: ['true'] }),
    want: { outcome: 'timeout', reason: /did not run within 0\.5 s/ },
  },
];
for (const { name, given, want } of failures) {
  test(`starting says what is wrong: ${name}`, async () => {
    const result = await startComponent('one', control(component(given), { timeoutMs: 500 }));
    assert.deepEqual(result.output, []);
    assert.equal(result.outcome, want.outcome, result.reason);
    assert.match(result.reason, want.reason);
  });
}

test('what cannot be seen is not started a second time', async () => {
  const one = component(() => ({ start: ['true'], criteria: [{ index: 0, regex: '(?=x)' }] }));
  const result = await startComponent('one', control(one));
  assert.equal(result.outcome, 'refused');
  assert.match(result.reason, /^it is not known whether one runs: the regex "\(\?=x\)" uses/);
});

test('a name that is not in the list is refused', async () => {
  const options = control(component(() => ({})));
  assert.match((await startComponent('two', options)).reason, /no component two/);
  assert.match((await stopComponent('two', options)).reason, /no component two/);
});

test('a stop command that hangs is ended with all that it started', async () => {
  const mark = join(folder, 'hung');
  const one = component((word) => ({
    start: shell(word, sleeping),
    stop: `echo $$ > ${mark}; sleep 600`,
  }));
  const options = control(one, { timeoutMs: 5_000 });
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  await pidOf(options);
  const result = await stopComponent('one', { ...options, timeoutMs: 500 });
  assert.deepEqual(result, {
    outcome: 'failed',
    reason: 'its stop command took longer than 0.5 s',
    output: [],
  });
  const hung = Number(readFileSync(mark, 'utf8'));
  await eventually('it is gone', () => !isThere(hung));
});

test('a process that has another start than the one that was seen is not touched', async () => {
  const one = component((word) => ({ start: shell(word, sleeping) }));
  const options = control(one, { graceMs: 300 });
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  const pid = await pidOf(options);
  const [seen] = options.checks.identities('one');
  assert.ok(seen);
  // As if that PID had been given to another process between the check and the signal.
  const checks: ControlOptions['checks'] = {
    checkNow: () => options.checks.checkNow(),
    component: (name) => options.checks.component(name),
    identities: () => [{ ...seen, startTicks: seen.startTicks - 1 }],
  };
  assert.deepEqual(await stopComponent('one', { ...options, checks }), done);
  assert.ok(isThere(pid), 'it lives');
  assert.equal((await stopComponent('one', options)).outcome, 'ok');
});

test("another user's command has that user's groups, home and nothing of our environment", async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can run commands as other users');
  const one = component((word) => ({
    user: 'nobody',
    start: ['/bin/sh', '-c', sleeping, 'sh', word],
  }));
  const options = control(one, {
    env: { ...process.env, UNITWATCH_SECRET: 'hush', LANG: 'C.UTF-8' },
  });
  assert.deepEqual(await startComponent('one', options), done);
  const pid = await pidOf(options);
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^Groups:\t65534 $/m);
  const names = readFileSync(`/proc/${pid}/environ`, 'latin1')
    .split('\0')
    .map((entry) => entry.split('=')[0]);
  assert.ok(names.includes('LANG') && names.includes('HOME'));
  assert.ok(!names.includes('UNITWATCH_SECRET'));
  const fails = component(() => ({ user: 'nobody', start: 'echo not mine > /dev/stderr; exit 4' }));
  assert.deepEqual((await startComponent('one', control(fails))).output, ['not mine']);
  assert.equal((await stopComponent('one', options)).outcome, 'ok');
});

test('where the start fails, the last lines of its standard error are told, cleaned', async () => {
  const lines = [
    'for i in 1 2 3 4 5 6 7; do echo "line $i" >&2; done',
    "printf '\\033[31mred\\033[0m \\007bell password=hush\\r\\n\\n' >&2",
    'echo "not this" ; echo last > /dev/stderr; exit 3',
  ];
  const one = component(() => ({ start: lines.join('\n') }));
  assert.deepEqual(await startComponent('one', control(one)), {
    outcome: 'failed',
    reason: 'its start command ended with status 3',
    output: ['line 5', 'line 6', 'line 7', 'red bell password=…', 'last'],
  });
  const long = component(() => ({
    start: 'head -c 300000 /dev/zero | tr "\\0" x >&2; echo >&2; echo the end >&2; exit 1',
  }));
  const { output } = await startComponent('one', control(long));
  assert.deepEqual(output, [`${'x'.repeat(200)}…`, 'the end']);
});

test('where it does not run in time, what it has said so far is told', async () => {
  const one = component(() => ({ start: 'echo waiting for the database >&2; sleep 2' }));
  const result = await startComponent('one', control(one, { timeoutMs: 500 }));
  assert.deepEqual([result.outcome, result.output], ['timeout', ['waiting for the database']]);
});

test('a stop command that fails says why', async () => {
  const one = component((word) => ({
    start: shell(word, sleeping),
    stop: 'echo no such pool >&2; exit 2',
  }));
  const options = control(one);
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  await pidOf(options);
  assert.deepEqual(await stopComponent('one', options), {
    outcome: 'failed',
    reason: 'its stop command ended with status 2',
    output: ['no such pool'],
  });
});

test('what was started writes on when nobody listens any more, without end and without harm', async () => {
  const mark = join(folder, 'written');
  const writes = `trap 'exit 9' PIPE; while :; do head -c 100000 /dev/zero >&2 || exit 8; echo x >> ${mark}; sleep 0.05; done`;
  const one = component((word) => ({ start: shell(word, writes) }));
  const options = control(one);
  const pipes = () => process.getActiveResourcesInfo().filter((one) => one === 'PipeWrap').length;
  const listening = pipes();
  assert.equal((await startComponent('one', options)).outcome, 'ok');
  const pid = await pidOf(options);
  const written = () => (existsSync(mark) ? readFileSync(mark, 'utf8').length : 0);
  assert.equal(pipes(), listening, 'nobody listens');
  const before = written();
  await eventually('a megabyte more', () => written() > before + 20);
  assert.ok(isThere(pid));
  const relays = () =>
    readdirSync('/proc').filter((name) => fifoOf(name) === fifoOf(String(pid), 2));
  assert.equal(relays().length, 1, 'one relay, beside what was started');
  const [relay] = relays();
  assert.equal((await stopComponent('one', options)).outcome, 'ok');
  await eventually('the relay has ended with it', () => !isThere(Number(relay)));
});

/** The FIFO that a process has as its standard input; or as another descriptor. */
function fifoOf(pid: string, fd = 0): string {
  try {
    const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
    return link.includes('unitwatch-stderr') ? link : `none of ${pid}`;
  } catch {
    return `none of ${pid}`;
  }
}
