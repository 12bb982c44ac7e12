import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { prepareForBeds, show, sleep, startUnits, until } from '../bed.ts';
import { ensureInstalled } from '../debian.ts';
import { parse, valueIn } from '../outputs/metrics-text.ts';
import {
  configure,
  events,
  install,
  journal,
  packaging,
  page,
  repository,
  unit,
} from './packaged.ts';

/* A real polkit says what the packaged service, which runs as the user unitwatch, may do. */

/** The packaged rule with other names for the units. */
const rule = packaging('60-unitwatch.rules').replace(
  /var unitwatchUnits = \[[^\]]*\]/,
  "var unitwatchUnits = ['permitted.service']",
);

/** Fails at its first start, and runs after that. */
const failsOnce = (name: string): string =>
  `[Service]\nExecStart=/bin/sh -c '[ -e /run/${name} ] && exec sleep infinity; touch /run/${name}; exit 1'\n`;

const config = `
listen: 127.0.0.1:9753
restart:
  enabled: true
  default: { repair_on: [failed], jitter: 0 }
`;

describe('the packaged service and a real polkit', () => {
  let bed: ThrowAwaySystemd;

  before(async () => {
    await prepareForBeds();
    await ensureInstalled(['polkitd']);
    bed = await bootSystemd({ journal: true, binds: [repository] });
    await install(bed);
    configure(bed, config);
    await bed.systemctl('start', 'polkit.service');
    await bed.systemctl('start', unit);
  });
  after(() => bed?.stop());

  const steps = async (service: string) =>
    (await events(bed)).flatMap((event) =>
      event.event_type === 'restart_step' && event.service === service ? [event.data] : [],
    );
  const attempts = async (outcome: string): Promise<number> => {
    const lines = parse((await page(bed, '/metrics')).replace(/^200 /, ''));
    return valueIn(lines, 'unitwatch_repair_attempts_total', { outcome }) ?? Number.NaN;
  };
  const told = (service: string, step: string) =>
    until(
      `"${step}" of ${service}`,
      async () => (await steps(service)).some((one) => `${one.step} ${one.outcome}` === step),
      30_000,
      200,
    );
  const sentence = (verb: string, of: string) =>
    `systemd does not permit this user to ${verb} ${of}: name ${of} and the verb ${verb} in the polkit rule (packaging/60-unitwatch.rules, to go into /etc/polkit-1/rules.d/).`;

  test('polkit runs, and is the one who is asked', async () => {
    assert.equal((await show(bed, 'polkit.service', 'ActiveState'))['ActiveState'], 'active');
    assert.equal((await show(bed, unit, 'User'))['User'], 'unitwatch');
    const { stdout } = await bed.exec(['pkaction']);
    assert.match(stdout, /^org\.freedesktop\.systemd1\.manage-units$/m);
  });

  test('without a rule: one clear sentence, counted, and no loop', async () => {
    await startUnits(bed, { 'denied.service': failsOnce('denied') });
    await told('denied.service', 'given_up failed');
    assert.equal(await attempts('refused'), 1);
    await sleep(6_000);
    assert.equal(await attempts('refused'), 1, 'not tried again for backoff_max');
    const all = await steps('denied.service');
    const restarts = all.filter(({ step }) => step === 'restart');
    assert.deepEqual(
      restarts.map(({ outcome, reason }) => [outcome, reason]),
      [['refused', sentence('reset-failed', 'denied.service')]],
    );
    const messages = (await events(bed)).map(({ message = '' }) => message);
    assert.ok(messages.every((message) => !message.endsWith('..')));
    assert.deepEqual(
      all.filter(({ step }) => step === 'given_up').map(({ reason }) => reason),
      [sentence('reset-failed', 'denied.service')],
    );
    assert.equal((await show(bed, 'denied.service', 'ActiveState'))['ActiveState'], 'failed');
  });

  test('the packaged rule permits what it names, and nothing else', async () => {
    const path = join(bed.root, 'etc/polkit-1/rules.d/60-unitwatch.rules');
    writeFileSync(path, rule);
    chmodSync(path, 0o644);
    await bed.systemctl('restart', 'polkit.service');
    assert.doesNotMatch(
      (await journal(bed, 'polkit.service')).join('\n'),
      /Error (compiling|evaluating)/,
    );
    await startUnits(bed, {
      'permitted.service': failsOnce('permitted'),
      'unnamed.service': failsOnce('unnamed'),
    });
    await told('permitted.service', 'settled ok');
    await told('unnamed.service', 'given_up failed');
    assert.equal((await show(bed, 'permitted.service', 'ActiveState'))['ActiveState'], 'active');
    assert.deepEqual(
      (await steps('unnamed.service'))
        .filter(({ step }) => step === 'restart')
        .map(({ reason }) => reason),
      [sentence('reset-failed', 'unnamed.service')],
    );
    assert.equal(await attempts('ok'), 1);
  });
});
