import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Event } from '../../src/model/event.ts';
import {
  journalRecords,
  journalSynced,
  prepareForBeds,
  show,
  sleep,
  startUnits,
  until,
} from '../bed.ts';
import { ensureInstalled } from '../debian.ts';
import { parse, valueIn } from '../outputs/metrics-text.ts';
import { eventOfLine } from '../validate.ts';

/* A real polkit says what the packaged service, which runs as the user unitwatch, may do. */

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(join(repository, path), 'utf8');
const unit = 'unitwatch.service';
/** The packaged rule with other names for the units. */
const rule = read('packaging/60-unitwatch.rules').replace(
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
    const parts = ['dist', 'node_modules', 'package.json'].map(
      (name) => `${join(repository, name)}:/opt/unitwatch/${name}`,
    );
    const packaged = read('packaging/unitwatch.service');
    const command = (/^ExecStart=(.*)$/m.exec(packaged)?.[1] ?? assert.fail('no ExecStart'))
      .replace('/usr/bin/node', '/opt/node')
      .replace('/usr/lib/node_modules/unitwatch', '/opt/unitwatch');
    bed.writeUnit(unit, packaged);
    bed.writeUnit(
      `${unit}.d/here.conf`,
      `[Service]\nExecStart=\nExecStart=${command}\nBindReadOnlyPaths=${process.execPath}:/opt/node ${parts.join(' ')}\n`,
    );
    const users = await bed.exec(['systemd-sysusers', join(repository, 'packaging/sysusers.conf')]);
    assert.equal(users.status, 0, users.stderr);
    mkdirSync(join(bed.root, 'etc/unitwatch'), { recursive: true });
    writeFileSync(join(bed.root, 'etc/unitwatch/unitwatch.yaml'), config, { mode: 0o644 });
    await bed.systemctl('daemon-reload');
    await bed.systemctl('start', 'polkit.service');
    await bed.systemctl('start', unit);
  });
  after(() => bed?.stop());

  const journal = async (of: string): Promise<string[]> => {
    await journalSynced(bed);
    const lines: string[] = [];
    for await (const record of journalRecords(bed, [`_SYSTEMD_UNIT=${of}`]))
      lines.push(String(record['MESSAGE']));
    return lines;
  };
  const events = async (): Promise<Event[]> =>
    (await journal(unit)).filter((line) => line.includes('"event_type"')).map(eventOfLine);
  const steps = async (service: string) =>
    (await events()).flatMap((event) =>
      event.event_type === 'restart_step' && event.service === service ? [event.data] : [],
    );
  const attempts = async (outcome: string): Promise<number> => {
    const script = `console.log(await (await fetch('http://127.0.0.1:9753/metrics')).text())`;
    const argv = [process.execPath, '--input-type=module', '-e', script];
    const lines = parse((await bed.exec(argv)).stdout);
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
    const messages = (await events()).map(({ message = '' }) => message);
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
      (await journal('polkit.service')).join('\n'),
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
