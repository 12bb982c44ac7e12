import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { crashLoopUnit, prepareForBeds, sleep, startUnits, until } from '../bed.ts';
import { eventsOf, heard, type RunningAgent, startAgent } from './agent-process.ts';
import { countedUnit, quick, reasons, Scratch, startsOf, stepped, steps } from './repairs-world.ts';

const token = '0123456789abcdef0123456789abcdef';

/** Ends the processes whose last argument is this word. */
function endWith(word: string): void {
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').filter(Boolean);
      if (words.at(-1) === word) process.kill(Number(name), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

describe('who asked for it: the page, findings, checks', () => {
  const scratch = new Scratch();
  const told: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      told.push(body);
      response.writeHead(204).end();
    });
  });
  let bed: ThrowAwaySystemd;
  let agent: RunningAgent;

  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    writeFileSync(scratch.at('token'), token, { mode: 0o600 });
    await scratch.alarms('init');
    agent = await startAgent({ bus: bed.busAddress, config: config(port, '') });
  });
  /** Its process is there after the fourth restart. */
  const word = `unitwatch-there-${process.pid}`;
  const begin = `n=${scratch.at('component')}; echo restart >> $n; [ $(wc -l < $n) -lt 4 ] || setsid sh -c 'sleep 600; :' ${word} > /dev/null 2>&1 &`;
  const config = (port: number, more: string, stuckOn = '[failed]') => `
page: { token_file: ${scratch.at('token')} }
restart:
  enabled: true
  check_interval: 1s
  budget: { max_restarts_per_hour: 1000 }
  default: ${quick}
  processes:
    looping.service: { repair_on: [crash_loop], post_health_check: "false", max_attempts: 1, max_restart_failures: 1 }
    shaky.service: { repair_on: [crash_loop] }
    component:
      repair_on: [check_down]
      restart_strategy: custom
      restart_command: "${begin}"
      max_attempts: 2
    stuck.service: { repair_on: ${stuckOn}, max_attempts: 1, max_restart_failures: 1 }
${more}  hooks: { repair_failed: "http://127.0.0.1:${port}/hook", circuit_opened: "http://127.0.0.1:${port}/hook" }
checks:
  interval: 1s
  failures: 1
  grace: 0s
  components:
    component:
      criteria: [{ index: -1, regex: '^${word}$' }]
    unstartable:
      criteria: [{ index: -1, regex: '^${word}-never$' }]
      start: 'echo "no database" >&2; exit 3'
    above: { criteria: [{ index: -1, regex: '^${word}-above$' }], depends_on: [unstartable] }
${scratch.database}`;
  after(async () => {
    await agent.stop();
    endWith(word);
    server.close();
    await bed.stop();
    scratch.remove();
  });

  const act = async (action: string, name: string, status = 200): Promise<string> => {
    const port = /"listen":\{[^}]*"port":(\d+)/.exec(agent.log())?.[1];
    const answer = await fetch(`http://127.0.0.1:${port}/api/actions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ action, name }),
    });
    const { ok, sentence } = (await answer.json()) as { ok: boolean; sentence: string };
    assert.deepEqual([answer.status, ok], [status, status === 200], sentence);
    return sentence;
  };

  test('a start on the page that fails: who asked hears why, and so do the events', async () => {
    const why = 'its start command ended with status 3';
    assert.equal(
      await act('start', 'above', 409),
      `above was not started: unstartable, on which it depends: ${why}. It wrote: no database`,
    );
    const { severity, data } = await heard(agent, 'control', 'unstartable');
    const { duration_s, ...rest } = data;
    assert.deepEqual(
      [severity, rest],
      [
        'error',
        {
          ...{ action: 'start', asked: 'above', outcome: 'failed', reason: why },
          output: ['no database'],
        },
      ],
    );
    assert.ok(duration_s >= 0);
    assert.deepEqual(eventsOf(agent.events(), 'control', 'above'), []);
    assert.equal(
      await act('start', 'nobody', 409),
      'There is no component and no unit nobody here.',
    );
    const { body } = await agent.page('/service/unstartable');
    assert.match(body, /Dependencies around unstartable/);
    assert.match(body, /aria-label="above, missing"/);
    assert.match(body, /start failed, its start command ended with status 3, no database/);
  });

  test('stopped on the page: left alone, as after systemctl stop', async () => {
    await startUnits(bed, { 'paged.service': countedUnit('paged') });
    await until('it runs', () => startsOf(bed, 'paged') === 1);
    await heard(agent, 'started', 'paged.service');
    assert.equal(await act('stop', 'paged.service'), 'paged.service was stopped.');
    await heard(agent, 'control', 'paged.service');
    assert.equal(await act('stop', 'paged'), 'paged.service does not run.');
    assert.equal(
      eventsOf(agent.events(), 'control', 'paged.service').length,
      1,
      'nothing was done',
    );
    await scratch.alarms('raise', 'paged');
    await stepped(agent, 'paged', 'ignored skipped');
    assert.deepEqual(reasons(agent, 'paged', 'ignored'), ['it was stopped by hand']);
    await sleep(1_500);
    assert.equal(startsOf(bed, 'paged'), 1);
    await act('start', 'paged.service');
    await stepped(agent, 'paged', 'settled ok');
  });

  test('a crash loop is an alarm where that is switched on', async () => {
    await startUnits(bed, {
      'looping.service': crashLoopUnit({ runs: '0.2' }),
      'shaky.service': crashLoopUnit({ runs: '0.5' }),
      'unasked.service': crashLoopUnit({ runs: '0.2' }),
    });
    await heard(agent, 'alarm', 'looping.service', 1, 30_000);
    await heard(agent, 'alarm', 'shaky.service', 1, 30_000);
    await stepped(agent, 'looping.service', 'given_up failed');
    await stepped(agent, 'shaky.service', 'restart ok');
    const called = () =>
      told.map((text) => JSON.parse(text)).filter((one) => one.process === 'looping.service');
    await until('the webhook was called', () => called().length === 2);
    const hooks = called();
    assert.deepEqual(
      hooks.map(({ hook, process: name }) => `${hook} ${name}`),
      ['repair_failed looping.service', 'circuit_opened looping.service'],
    );
    await sleep(3_000);
    // It comes and goes several times a second, and is not told each time.
    assert.ok(reasons(agent, 'looping.service', 'waiting').length <= 4);
    assert.deepEqual(steps(agent, 'unasked.service'), []);
    await bed.systemctl('stop', 'looping.service', 'shaky.service', 'unasked.service');
  });

  test('a check that is down is an alarm where that is switched on', async () => {
    await stepped(agent, 'component', 'given_up failed');
    assert.deepEqual(reasons(agent, 'component', 'given_up'), [
      'the check component still says missing: 0 of 1 processes',
    ]);
    await stepped(agent, 'component', 'settled ok');
    assert.deepEqual(scratch.lines('component'), Array(4).fill('restart'));
    assert.equal(steps(agent, 'component').filter((step) => step === 'given_up failed').length, 1);
    assert.equal(eventsOf(agent.events(), 'alarm', 'component')[0]?.data.source, 'check');
  });

  test('what has failed before is an alarm when a reload asks for it', async () => {
    await startUnits(bed, {
      'later.service': `[Service]\nExecStart=/bin/sh -c '[ -e /run/tried ] && exec sleep infinity; touch /run/tried; exit 1'\n`,
    });
    await heard(agent, 'failed', 'later.service');
    const { port } = server.address() as AddressInfo;
    writeFileSync(agent.configFile, config(port, '    later: { repair_on: [failed] }\n'));
    agent.kill('SIGHUP');
    await stepped(agent, 'later.service', 'settled ok');
  });

  test('the alarm of a unit that systemd knows no more, or that a reload stops following, ends', async () => {
    const { port } = server.address() as AddressInfo;
    const once = '{ repair_on: [failed], max_attempts: 1, max_restart_failures: 1 }';
    const text = config(port, `    passing: ${once}\n    dropped: ${once}\n`);
    writeFileSync(agent.configFile, text);
    agent.kill('SIGHUP');
    const last = (unit: string) => eventsOf(agent.events(), 'alarm', unit).at(-1)?.data;
    await startUnits(bed, { 'dropped.service': '[Service]\nExecStart=/bin/false\n' });
    await stepped(agent, 'dropped.service', 'given_up failed');
    const { status, stderr } = await bed.exec([
      ...['systemd-run', '--collect', '--unit=passing.service', '/bin/false'],
    ]);
    assert.equal(status, 0, stderr);
    await until('it has gone', () => last('passing.service')?.phase === 'cleared');
    assert.equal(last('passing.service')?.reason, 'systemd knows no such unit any more');
    assert.equal(last('dropped.service')?.phase, 'raised');
    writeFileSync(agent.configFile, `${text}service_blacklist: [dropped]\n`);
    agent.kill('SIGHUP');
    await until('it is not followed', () => last('dropped.service')?.phase === 'cleared');
    assert.equal(last('dropped.service')?.reason, 'nobody follows this unit any more');
  });

  test('what a reload does not want repaired any more is settled with a note', async () => {
    await startUnits(bed, { 'stuck.service': '[Service]\nExecStart=/bin/false\n' });
    await stepped(agent, 'stuck.service', 'given_up failed');
    const { port } = server.address() as AddressInfo;
    writeFileSync(agent.configFile, config(port, '', '[]'));
    agent.kill('SIGHUP');
    const note = 'repair_on does not have failed any more';
    const last = () => eventsOf(agent.events(), 'alarm', 'stuck.service').at(-1)?.data;
    await until('its alarm is cleared with a note', () => last()?.reason === note);
    assert.equal(last()?.phase, 'cleared');
  });
});
