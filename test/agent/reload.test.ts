import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Event } from '../../src/model/event.ts';
import { crashLoopUnit, idleUnit, sleep, startUnits, until, withBed } from '../bed.ts';
import { heard, type RunningAgent, stateIn, story, withAgent } from './agent-process.ts';

const units = {
  'a-one.service': idleUnit(),
  'a-two.service': idleUnit(),
  'b-one.service': idleUnit(),
};

/** Sends SIGHUP and waits for what it is answered with. */
async function reload(agent: RunningAgent, config: string): Promise<Event> {
  const phases = ['reloaded', 'reload_failed'];
  const answers = () => agent.events().filter((e) => phases.includes(phaseOf(e)));
  const before = answers().length;
  writeFileSync(agent.configFile, config);
  agent.kill('SIGHUP');
  await until('the reload is told', () => answers().length > before);
  // What follows from it has time to come.
  await sleep(300);
  return answers().at(-1) ?? assert.fail('it was there');
}

function phaseOf(event: Event): string {
  return event.event_type === 'agent' ? event.data.phase : '';
}

async function restart(bed: ThrowAwaySystemd, ...names: readonly string[]): Promise<void> {
  for (const name of names) await bed.systemctl('restart', name);
}

test('SIGHUP: another filter, a faulty file, none, and back', () =>
  withBed({}, async (bed) => {
    await startUnits(bed, units);
    await withAgent(
      { bus: bed.busAddress, config: 'service_whitelist: ["a-*"]\n' },
      async (agent) => {
        const states = async () => {
          const lines = await agent.metrics();
          return Object.keys(units).map((name) => stateIn(lines, name));
        };
        assert.deepEqual(await states(), ['active', 'active', undefined]);

        const first = await reload(agent, 'service_whitelist: ["b-*", a-two]\n');
        assert.match(first.message ?? '', /^Configuration reloaded, 1 keys? changed\.$/);
        assert.deepEqual(await states(), [undefined, 'active', 'active']);
        await restart(bed, 'a-one.service', 'a-two.service', 'b-one.service');
        await heard(agent, 'restarted', 'b-one.service');
        assert.deepEqual(story(agent, 'a-one.service'), [], 'no event of one that is not followed');
        assert.deepEqual(story(agent, 'b-one.service'), ['stopped clean', 'restarted clean']);

        const bad = await reload(agent, 'service_whitlist: ["a-*"]\nlisten: nowhere\n');
        assert.equal(phaseOf(bad), 'reload_failed');
        assert.equal(bad.severity, 'error');
        assert.match(bad.message ?? '', /service_whitlist.*service_whitelist.*; .*listen/s);
        assert.deepEqual(await states(), [undefined, 'active', 'active'], 'the old one stays');
        assert.match(agent.log(), /service_whitlist/, 'the log says so too');

        rmSync(agent.configFile);
        assert.equal(phaseOf(await reloadWithoutFile(agent)), 'reload_failed');
        assert.deepEqual(await states(), [undefined, 'active', 'active']);

        const next = await reload(agent, 'listen: 127.0.0.1:1\nevent_buffer_size: 10\n');
        assert.match(next.message ?? '', /A restart is needed for .*event_buffer_size/);
        assert.deepEqual(await states(), ['active', 'active', 'active'], 'all, by default');
        await restart(bed, 'a-one.service');
        const again = await heard(agent, 'restarted', 'a-one.service');
        assert.equal(again.data.restarts_total, 1);
        assert.deepEqual(
          agent.events().filter((e) => e.event_type === 'failed' || e.event_type === 'missing'),
          [],
        );
      },
    );
  }));

test('SIGHUP while the agent starts: it goes on, and reloads once when it has', () =>
  withBed({}, async (bed) => {
    const folder = mkdtempSync(join(tmpdir(), 'unitwatch-reload-'));
    const own = { bus: join(folder, 'bus'), pid: join(folder, 'pid') };
    const path = /path=([^,;]+)/.exec(bed.busAddress)?.[1] ?? assert.fail(bed.busAddress);
    let asked = 0;
    // A bus that takes its time: what connects to it first is an agent that starts.
    const server = createServer({ pauseOnConnect: true }, async (client) => {
      if (asked++ === 0) {
        for (let i = 0; i < 3; i++) {
          process.kill(Number(readFileSync(own.pid, 'utf8')), 'SIGHUP');
          await sleep(100);
        }
      }
      const bus = connect(path);
      for (const one of [client, bus]) one.on('error', () => {});
      client.pipe(bus).pipe(client);
      client.resume();
    });
    try {
      await new Promise<void>((resolve) => server.listen(own.bus, resolve));
      const note = `echo $$ > ${own.pid}; exec "$@"`;
      const wrap = (argv: readonly string[]) => ['sh', '-c', note, 'sh', ...argv];
      await withAgent({ bus: `unix:path=${own.bus}`, wrap }, async (agent) => {
        const told = () =>
          agent
            .events()
            .map(phaseOf)
            .filter((phase) => phase === 'reloaded');
        await until('it is told', () => told().length > 0);
        await sleep(300);
        assert.deepEqual(told(), ['reloaded']);
      });
    } finally {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }));

async function reloadWithoutFile(agent: RunningAgent): Promise<Event> {
  const before = agent.events().length;
  agent.kill('SIGHUP');
  await until('it is told', () => agent.events().length > before);
  return agent.events().at(-1) ?? assert.fail('it was there');
}

test('SIGHUP: detectors and the graph take what it changes', () =>
  withBed({}, async (bed) => {
    await startUnits(bed, units);
    const component = `checks:
  components:
    kafka: { unit: a-one.service }
`;
    await withAgent({ bus: bed.busAddress, config: component }, async (agent) => {
      const isRead = async () =>
        (await agent.page('/api/impact?unit=a-one.service')).status === 200;
      await until('dependencies are read', isRead);
      /** Whom its failure is told to affect; the count-th. */
      const affected = async (count: number) => {
        await bed.systemctl('kill', '--signal=KILL', 'a-one.service');
        const { affects } = await heard(agent, 'failed', 'a-one.service', count);
        await bed.systemctl('start', 'a-one.service');
        return JSON.stringify(affects);
      };
      assert.match(await affected(1), /check:kafka/);
      const told = await reload(agent, 'restart_threshold: 2\nbaseline_period: 1d\n');
      assert.match(told.message ?? '', /A restart is needed for baseline_period\.$/);
      assert.doesNotMatch(await affected(2), /check:/);
      await startUnits(bed, { 'loop.service': crashLoopUnit({ restartSec: '100ms' }) });
      const loop = await heard(agent, 'crash_loop', 'loop.service');
      assert.equal(loop.data.evidence['restarts'], 2, JSON.stringify(loop.data.evidence));
    });
  }));
