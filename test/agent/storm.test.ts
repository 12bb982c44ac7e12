import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { storms, weather } from './storm.ts';

/** 300 services for a minute, unless UNITWATCH_STORM_SECONDS says otherwise. */
const size = { units: 300, seconds: Number(process.env['UNITWATCH_STORM_SECONDS'] ?? 60) };

/** That many make it a storm. An idle machine of two cores comes to 300 a second, a busy one to 100. */
const leastRestarts = size.units * size.seconds * 0.1;

describe(`${size.units} services fail at once for ${size.seconds} s`, () => {
  for (const storm of storms) {
    test(`${storm.name}: events, metrics and journal agree`, async (t) => {
      const figures = await weather(storm, size);
      t.diagnostic(
        `${figures.restarts} restarts, ${figures.events} events, ${figures.signals} signals`,
      );
      if (storm.end === 'calm') assert.equal(figures.failed, 0, 'none was given up by systemd');
      assert.ok(figures.restarts > leastRestarts, `${figures.restarts} restarts`);
    });
  }
});
