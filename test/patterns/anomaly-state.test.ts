import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Transition } from '../../src/model/transition.ts';
import { AnomalyFindings } from '../../src/patterns/anomaly-findings.ts';
import { defaultSettings } from '../../src/patterns/settings.ts';

const hour = 3600e6;
const day = 24 * hour;
const start = Date.UTC(2026, 2, 2) * 1000;

const plain = { count: 1, inferred: false, resync: false, invocation: '', pid: 1, nRestarts: 0 };

function crash(unit: string, timeUs: number): Transition[] {
  const automatic = { ...plain, cause: 'automatic', unit } as const;
  return [
    { ...plain, kind: 'exited', unit, timeUs, uptimeUs: hour },
    { ...automatic, kind: 'restarting', timeUs: timeUs + 1000 },
    { ...automatic, kind: 'restarted', timeUs: timeUs + 200_000 },
  ];
}

function hear(anomalies: AnomalyFindings, transitions: readonly Transition[]): void {
  for (const transition of transitions) anomalies.observe({ kind: 'transition', transition });
}

function pass(anomalies: AnomalyFindings, fromUs: number, untilUs: number): void {
  for (let nowUs = fromUs; nowUs < untilUs; nowUs += hour)
    anomalies.observe({ kind: 'tick', nowUs });
}

/** A service with a rate and lives, one with a rhythm, one with an open finding. */
function experienced(): AnomalyFindings {
  const anomalies = new AnomalyFindings(defaultSettings);
  hear(anomalies, [{ ...plain, kind: 'started', unit: 'odd.service', timeUs: start }]);
  for (let n = 0; n < 40; n++) {
    const timeUs = start + n * day + 3 * hour;
    anomalies.observe({ kind: 'tick', nowUs: timeUs });
    const sample = { service: 'often.service', invocation: `${n}`, anonBytes: 5e7, cpuUs: n };
    anomalies.observe({ kind: 'sample', ...sample, timeUs: timeUs - hour });
    hear(anomalies, crash('often.service', timeUs));
    const unit = 'nightly.service';
    hear(anomalies, [{ ...plain, kind: 'restarted', cause: 'manual', unit, timeUs: timeUs + 1 }]);
  }
  hear(anomalies, crash('odd.service', start + 40 * day));
  anomalies.observe({ kind: 'tick', nowUs: start + 40 * day + hour });
  assert.equal([...anomalies.openFindings()].length, 1);
  return anomalies;
}

const text = [...experienced().save()].join('');
const values = [...text.matchAll(/-?\d+(\.\d+)?(e[+-]\d+)?|"[^"]*"|true|\[\]/g)].filter(
  // Names of members are not values.
  (match) => text[match.index + match[0].length] !== ':',
);

test('takes up what it saved: nothing is lost, and an open finding goes on under its id', () => {
  const again = new AnomalyFindings(defaultSettings);
  assert.equal(again.restore(JSON.parse(text)), undefined);
  assert.equal([...again.save()].join(''), text);
});

test('takes any saved state, and never throws on it later', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom('null', '-1', '1e999', '9e15', '1e300', '"x"', '[]', '{}', '[null]', 'true'),
      (at, value) => {
        const victim = values[at % values.length] as RegExpMatchArray & { index: number };
        const after = text.slice(victim.index + victim[0].length);
        const anomalies = new AnomalyFindings(defaultSettings);
        anomalies.restore(JSON.parse(text.slice(0, victim.index) + value + after));
        for (const unit of ['often.service', 'odd.service', 'nightly.service'])
          for (let n = 0; n < 5; n++) hear(anomalies, crash(unit, start + 41 * day + n * hour));
        pass(anomalies, start + 42 * day, start + 45 * day);
        assert.equal(anomalies.counters.errors, 0, anomalies.counters.lastError);
        for (const piece of anomalies.save()) assert.ok(piece.length > 0);
      },
    ),
    { numRuns: 400 },
  );
});

test('what is no saved state is refused in a sentence', () => {
  for (const data of [1, 'x', [], {}, { sinceUs: 'x' }, { sinceUs: 1, services: {}, lives: [] }]) {
    const anomalies = new AnomalyFindings(defaultSettings);
    assert.match(anomalies.restore(data) ?? '', /form of the saved anomalies/);
  }
});
