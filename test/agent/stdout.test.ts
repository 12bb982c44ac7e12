import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { crashLoopUnit, manyUnits, prepareForBeds, sleep, startAtOnce, until } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { accountOf } from '../validate.ts';
import { type RunningAgent, restartsIn, startAgent, withAgent } from './agent-process.ts';

/** The goal is 2 s for the flush; the process itself needs a moment on a busy machine. */
const endMs = 2_500;

describe('standard output', () => {
  const units = manyUnits('loop', 20, crashLoopUnit({ restartSec: '50ms' }));
  let bed: ThrowAwaySystemd;
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd();
    await startAtOnce(bed, units);
  });
  after(() => bed.stop());

  const restarts = async (agent: RunningAgent) =>
    restartsIn(await agent.metrics(), 'loop-01.service', 'automatic') ?? 0;

  const made = async (agent: RunningAgent) =>
    (await agent.metrics())
      .filter((line) => line.name === 'unitwatch_events_generated_total')
      .reduce((sum, { value }) => sum + value, 0);

  test('closed: the agent says so once, watches on and serves /metrics', () =>
    withAgent({ bus: bed.busAddress }, async (agent) => {
      await until('some restarts', async () => (await restarts(agent)) > 2);
      agent.closePipe();
      await until('it is said', () => /Nobody reads the events any more/.test(agent.log()));
      const then = await restarts(agent);
      await until('it watches on', async () => (await restarts(agent)) > then + 5);
      const closed = { output: 'stdout', reason: 'closed' };
      const dropped = valueIn(await agent.metrics(), 'unitwatch_events_dropped_total', closed);
      assert.ok(dropped !== undefined && dropped > 10, `${dropped} dropped`);
      assert.equal((await agent.page('/readyz')).status, 200);
      assert.equal(agent.log().match(/Nobody reads/g)?.length, 1);
      assert.deepEqual(await agent.stop(), { status: 0, signal: null });
    }));

  test('stalled for longer than the buffer: a gap says what is lost, /metrics goes on', () =>
    withAgent({ bus: bed.busAddress, config: 'event_buffer_size: 100\n' }, async (agent) => {
      agent.stopReading();
      const before = await made(agent);
      // A pipe holds 64 KiB, the test's stream as much again: some 300 events.
      await until('much has happened', async () => (await made(agent)) > before + 1_500, 30_000);
      assert.equal((await agent.page('/healthz')).status, 200);
      agent.readAgain();
      await until('the gap is told', () => agent.events().some(isGap));
      assert.deepEqual(await agent.stop(), { status: 0, signal: null });
      const last = agent.events().at(-1);
      const { delivered, dropped } = accountOf(agent.events(), last?.seq ?? 0);
      assert.ok(dropped > 500, `${delivered} delivered, ${dropped} dropped`);
    }));

  test('stalled when SIGTERM comes: the agent does not wait for ever', () =>
    withAgent({ bus: bed.busAddress }, async (agent) => {
      agent.stopReading();
      const before = await made(agent);
      await until('the pipe is full', async () => (await made(agent)) > before + 1_000, 30_000);
      const began = performance.now();
      agent.kill('SIGTERM');
      assert.deepEqual(await agent.ended, { status: 0, signal: null });
      const tookMs = performance.now() - began;
      assert.ok(tookMs < endMs, `${tookMs} ms`);
    }));

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`${signal}: all that waits is written first, and that it stops`, async () => {
      const agent = await startAgent({ bus: bed.busAddress });
      agent.stopReading();
      const before = await made(agent);
      await until('much waits', async () => (await made(agent)) > before + 1_000, 30_000);
      const total = await made(agent);
      const began = performance.now();
      agent.kill(signal);
      await sleep(200);
      agent.readAgain();
      assert.deepEqual(await agent.ended, { status: 0, signal: null });
      const tookMs = performance.now() - began;
      assert.ok(tookMs < endMs, `${tookMs} ms`);
      await agent.stop();
      const events = agent.events();
      const last = events.at(-1);
      assert.equal(last?.event_type === 'agent' && last.data.phase, 'stopping');
      assert.equal(last?.message, `unitwatch stops: ${signal}.`);
      assert.ok(events.length > total);
      assert.equal(accountOf(events, events.length).dropped, 0);
    });
});

function isGap(event: { readonly data: object }): boolean {
  return Reflect.get(event.data, 'phase') === 'gap';
}
