import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { TransitionKind } from '../../src/model/transition.ts';
import { prepareForBeds, show, sleep, startUnits, until, writeUnits } from '../bed.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { eventsOf, type RunningAgent, story } from './agent-process.ts';
import {
  calmDown,
  type FindingEvent,
  findingsOf,
  found,
  restless,
  startCompressed,
} from './compressed.ts';

/*
 * Every shape of every pattern, on real services of a real systemd: found, and cleared. What takes
 * ten minutes there takes two seconds here, and an hour of `anomaly` one.
 */
const second = 1e6;
const settings = {
  healthyRunUs: 2 * second,
  fastGapUs: 2 * second,
  warmUpUs: 2 * second,
  leakSpanUs: 8 * second,
  lagNoiseUs: 0.1 * second,
  baselinePeriodUs: 2 * second,
  hourUs: second,
};

/** The n-th event of a kind about a unit, count by count. */
function crossing(agent: RunningAgent, kind: TransitionKind, unit: string, n: number) {
  let seen = 0;
  for (const event of eventsOf(agent.events(), kind, unit)) {
    const count: unknown = Reflect.get(event.data, 'count');
    seen += typeof count === 'number' ? count : 1;
    if (seen >= n) return event;
  }
  return assert.fail(`${seen} ${kind} of ${unit}, not ${n}`);
}

/** The finding stands right behind the event that crossed the threshold: no poll lies between. */
function toldAtOnce(
  t: TestContext,
  finding: FindingEvent,
  event: { readonly seq: number; readonly time: string },
): void {
  const delayMs = Date.parse(finding.time) - Date.parse(event.time);
  t.diagnostic(`${finding.message}: ${delayMs} ms and ${finding.seq - event.seq} event later`);
  assert.ok(delayMs >= 0);
  assert.equal(finding.seq, event.seq + 1);
}

function evidenceOf(finding: FindingEvent): Readonly<Record<string, unknown>> {
  return finding.data.evidence;
}

describe('patterns on real services', { concurrency: true }, () => {
  let bed: ThrowAwaySystemd;
  let agent: RunningAgent;
  before(async () => {
    await prepareForBeds();
    bed = await bootSystemd({ journal: true });
    agent = await startCompressed(bed, settings, ['restart_threshold: 5', 'restart_window: 15s']);
  });
  after(async () => {
    await agent?.stop();
    await bed?.stop();
  });

  interface LoopCase {
    readonly name: string;
    readonly work: string;
    readonly unit?: readonly string[];
    readonly service?: readonly string[];
    readonly gaps?: boolean;
  }
  const loops: readonly LoopCase[] = [
    { name: 'fast', work: 'exit 1' },
    { name: 'signal', work: 'kill -KILL $$$$' },
    { name: 'exit-zero', work: 'sleep 0.2; exit 0' },
    { name: 'window', work: 'sleep 2.2; exit 1' },
    { name: 'slower-than-window', work: 'exit 1', service: ['RestartSec=4s'] },
    {
      name: 'own-backoff',
      work: 'echo >> /run/tries; n=$$(wc -l < /run/tries); sleep $$((n * n / 8)).$$((n * n % 8)); exit 1',
      gaps: true,
    },
  ];
  for (const { name, work, gaps, ...lines } of loops) {
    test(`crash_loop: ${name}`, async (t) => {
      const unit = `loop-${name}.service`;
      await startUnits(bed, { [unit]: restless(name, work, lines) });
      const opened = await found(agent, 'crash_loop', unit, 'opened');
      toldAtOnce(t, opened, crossing(agent, 'restarting', unit, 5));
      assert.equal(evidenceOf(opened)['kind'], 'loop');
      if (gaps === true) assert.equal(evidenceOf(opened)['growing_gaps'], true, opened.message);
      calmDown(bed, name);
      const cleared = await found(agent, 'crash_loop', unit, 'cleared');
      assert.equal(cleared.data.finding_id, opened.data.finding_id);
      const ran = Number(evidenceOf(cleared)['ran_s']);
      const longestGap = Number(evidenceOf(cleared)['longest_gap_s']);
      t.diagnostic(`cleared after a run of ${ran} s; its longest gap was ${longestGap} s`);
      assert.ok(ran > longestGap && ran >= 2, `${ran} s, ${longestGap} s`);
    });
  }

  test('crash_loop: systemd stopped trying', async (t) => {
    const unit = 'loop-hopeless.service';
    const limits = ['StartLimitIntervalSec=60', 'StartLimitBurst=3'];
    await startUnits(bed, { [unit]: restless('hopeless', 'exit 1', { unit: limits }) });
    const opened = await found(agent, 'crash_loop', unit, 'opened');
    const crossed = agent.events().find(({ seq }) => seq === opened.seq - 1);
    t.diagnostic(`told at ${crossed?.event_type}`);
    assert.equal(crossed?.service, unit);
    toldAtOnce(t, opened, crossed);
    const kind = evidenceOf(opened)['kind'];
    assert.equal(kind, 'stopped_trying', story(agent, unit).join(', '));
    assert.equal(opened.severity, 'critical');
    calmDown(bed, 'hopeless');
    await bed.systemctl('reset-failed', unit);
    await bed.systemctl('start', unit);
    await found(agent, 'crash_loop', unit, 'cleared');
  });

  test('crash_loop: a script restarts it', async (t) => {
    const unit = 'loop-script.service';
    await startUnits(bed, { [unit]: restless('script', 'exec sleep infinity') });
    const script = `for i in $(seq 15); do systemctl restart ${unit}; sleep 0.2; done`;
    const { status } = await bed.exec(['sh', '-c', script]);
    assert.equal(status, 0);
    const opened = await found(agent, 'crash_loop', unit, 'opened');
    toldAtOnce(t, opened, crossing(agent, 'restarted', unit, 10));
    assert.equal(evidenceOf(opened)['kind'], 'manual');
    await found(agent, 'crash_loop', unit, 'cleared');
  });

  test('periodic_crash: a fixed delay after each start', async (t) => {
    const unit = 'periodic.service';
    await startUnits(bed, { [unit]: restless('periodic', 'sleep 3; exit 1') });
    const opened = await found(agent, 'periodic_crash', unit, 'opened');
    const { kind, period_s: period, of_episodes: episodes } = evidenceOf(opened);
    t.diagnostic(`${opened.message} (${String(episodes)} crashes)`);
    assert.equal(kind, 'period');
    assert.ok(Math.abs(Number(period) - 3.1) < 0.4, String(period));
    // At the first look that can tell: the fifth crash, or one of those right after it.
    const crossed = crossing(agent, 'restarting', unit, Number(episodes));
    assert.ok(opened.seq > crossed.seq && Number(episodes) <= 10);
    assert.equal(opened.time, crossed.time);
    calmDown(bed, 'periodic');
    const cleared = await found(agent, 'periodic_crash', unit, 'cleared');
    assert.equal(evidenceOf(cleared)['cleared_by'], 'silent');
  });

  test('periodic_crash: a timer kills it each time, and is named', async (t) => {
    const unit = 'victim.service';
    await startUnits(bed, { [unit]: restless('victim', 'exec sleep infinity') });
    await writeUnits(bed, {
      'cleanup.timer':
        '[Timer]\nOnActiveSec=3s\nOnUnitActiveSec=4s\nAccuracySec=1ms\nUnit=cleanup-job.service\n',
      'cleanup-job.service': `[Service]\nType=oneshot\nExecStart=/bin/systemctl kill --signal=KILL ${unit}\n`,
    });
    await bed.systemctl('start', 'cleanup.timer');
    // On a busy machine the lag varies: then it takes more than five times to tell it from chance.
    const named = () =>
      eventsOf(agent.events(), 'periodic_crash', unit).find(
        (event) => evidenceOf(event)['timer'] !== undefined,
      );
    await until('the timer is named', () => named() !== undefined, 90_000);
    const told = named() ?? assert.fail('it was there');
    const { timer, timer_unit: starts, timer_hits: hits } = evidenceOf(told);
    t.diagnostic(`${told.message}`);
    assert.deepEqual([timer, starts], ['cleanup.timer', 'cleanup-job.service'], told.message);
    assert.ok(Number(hits) >= 5);
    await bed.systemctl('stop', 'cleanup.timer');
    await found(agent, 'periodic_crash', unit, 'cleared');
  });

  test('memory_leak: within one life, until it no longer grows', async (t) => {
    const unit = 'leaking.service';
    // Faster and faster, by the clock: how busy the machine is makes no difference.
    const grow =
      'my ($$t, @a) = (time); while (1) { my $$s = time - $$t; my $$mb = 8 + 0.4 * $$s * $$s; ' +
      '$$mb = 160 if $$mb > 160; push @a, "x" x 1048576 while @a < $$mb; select undef, undef, undef, 0.1 }';
    await startUnits(bed, {
      [unit]: `[Service]\nExecStart=/usr/bin/perl -MTime::HiRes=time -e '${grow}'\n`,
    });
    const opened = await found(agent, 'memory_leak', unit, 'opened', 90_000);
    const { bytes_per_hour: rate, observed_s: observed, source } = evidenceOf(opened);
    const started = crossing(agent, 'started', unit, 1);
    t.diagnostic(
      `${opened.message} (${String(source)}), ${(Date.parse(opened.time) - Date.parse(started.time)) / 1000} s after its start`,
    );
    assert.ok(Number(rate) > 3600e6 && Number(observed) >= 8, opened.message);
    const cleared = await found(agent, 'memory_leak', unit, 'cleared', 90_000);
    assert.equal(evidenceOf(cleared)['cleared_by'], 'flat');
  });

  test('memory_leak: across lives, each too short to tell', async (t) => {
    const unit = 'short-lived.service';
    const grow =
      'my ($$t, @a) = (time); while (@a < 52) { my $$s = time - $$t; push @a, "x" x 1048576 while @a < 4 + 4 * $$s; ' +
      'select undef, undef, undef, 0.1 } exit 1';
    await startUnits(bed, {
      [unit]: [
        '[Unit]\nStartLimitIntervalSec=0\n[Service]',
        `ExecStart=/usr/bin/perl -MTime::HiRes=time -e '${grow}'`,
        'Restart=always\nRestartSec=100ms\nMemoryMax=64M\nMemorySwapMax=0\n',
      ].join('\n'),
    });
    const opened = await found(agent, 'memory_leak', unit, 'opened', 120_000);
    const { lives } = evidenceOf(opened);
    const died = crossing(agent, 'exited', unit, 3);
    t.diagnostic(
      `${opened.message}: ${Date.parse(opened.time) - Date.parse(died.time)} ms after its third end`,
    );
    assert.ok(Number(lives) >= 3, opened.message);
    assert.ok(opened.seq > died.seq);
    await bed.systemctl('stop', unit);
    const cleared = await found(agent, 'memory_leak', unit, 'cleared');
    assert.equal(evidenceOf(cleared)['cleared_by'], 'stopped');
  });

  test('anomaly: it has never restarted, and now it does; then far too often', async (t) => {
    const unit = 'steady.service';
    await startUnits(bed, { [unit]: restless('steady', 'exec sleep infinity') });
    // Seven baseline periods without a restart.
    await sleep(20_000);
    const killedMs = Date.now();
    await bed.systemctl('kill', '--signal=KILL', unit);
    const opened = await found(agent, 'anomaly', unit, 'opened');
    const toldMs = Date.now();
    const crossed = crossing(agent, 'restarting', unit, 1);
    assert.equal(evidenceOf(opened)['aspect'], 'first_restart', opened.message);
    t.diagnostic(`${opened.message}; told ${toldMs - killedMs} ms after it was killed`);
    assert.equal(opened.time, crossed.time);
    await found(agent, 'anomaly', unit, 'cleared');
    // Two days of such hours, so that there is a baseline.
    await sleep(40_000);
    for (let n = 0; n < 8; n++) {
      const before = await show(bed, unit, 'NRestarts');
      await bed.systemctl('kill', '--signal=KILL', unit);
      await until('it is back', async () => {
        const now = await show(bed, unit, 'NRestarts', 'SubState');
        return now['NRestarts'] !== before['NRestarts'] && now['SubState'] === 'running';
      });
    }
    const rates = () =>
      findingsOf(agent, 'anomaly', unit).filter(
        (event) => evidenceOf(event)['aspect'] === 'restart_rate',
      );
    await until('its rate is told', () => rates().length > 0, 60_000);
    t.diagnostic(`${rates()[0]?.message}`);
    // A day of such hours has to pass without a restart.
    const isOver = () => rates().some((event) => event.data.phase === 'cleared');
    await until('its rate is usual again', isOver, 120_000, 100);
  });

  test('anomaly: it always starts, and did not', async (t) => {
    const unit = 'nightly.service';
    await writeUnits(bed, {
      [unit]: '[Service]\nType=oneshot\nExecStart=/bin/true\n',
      'nightly.timer': '[Timer]\nOnActiveSec=1s\nOnUnitActiveSec=4s\nAccuracySec=1ms\n',
    });
    await bed.systemctl('start', 'nightly.timer');
    const starts = () => eventsOf(agent.events(), 'stopped', unit).length;
    await until('it keeps its rhythm', () => starts() >= 9, 90_000, 100);
    await bed.systemctl('stop', 'nightly.timer');
    const opened = await found(agent, 'anomaly', unit, 'opened');
    t.diagnostic(`${opened.message}`);
    assert.equal(evidenceOf(opened)['aspect'], 'missed_start');
    await bed.systemctl('start', unit);
    const cleared = await found(agent, 'anomaly', unit, 'cleared');
    assert.match(`${cleared.message}`, /has started again/);
  });

  test('metrics: what was found, what is open, the time that it took', async () => {
    await found(agent, 'crash_loop', 'loop-fast.service', 'opened');
    const lines = await agent.metrics();
    for (const pattern of ['crash_loop', 'periodic_crash', 'anomaly', 'memory_leak']) {
      const spent = valueIn(lines, 'unitwatch_pattern_seconds_total', { pattern });
      assert.ok(Number(spent) > 0 && Number(spent) < 10, `${pattern}: ${spent}`);
      assert.equal(valueIn(lines, 'unitwatch_pattern_faults_total', { pattern }), 0);
    }
    assert.ok(
      Number(valueIn(lines, 'unitwatch_patterns_detected_total', { pattern: 'crash_loop' })) >= 1,
    );
  });
});
