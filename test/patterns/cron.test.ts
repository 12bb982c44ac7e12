import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localClock } from '../../src/model/local-time.ts';
import { CronClock, cronEntries, cronEntriesMax } from '../../src/patterns/cron.ts';

const minute = 60e6;
const at = (text: string) => Date.parse(text) * 1000;

/** Minutes from `from` on, of so many, in which the line is due. */
function due(line: string, from: string, minutes: number, zone = 'UTC'): string[] {
  const clock = new CronClock(localClock(zone));
  clock.use(cronEntries('/etc/crontab', line));
  const times: string[] = [];
  for (let n = 0; n < minutes; n++) {
    // Twice a minute: each is told once.
    for (const second of [1e6, 31e6]) {
      for (const { timeUs } of clock.advance(at(from) + n * minute + second))
        times.push(new Date(timeUs / 1000).toISOString().slice(5, 16));
    }
  }
  return times;
}

const cases = [
  { line: '17 * * * * root run-parts', minutes: 120, want: ['03-02T00:17', '03-02T01:17'] },
  { line: '*/20 0 * * * root x', minutes: 90, want: ['03-02T00:00', '03-02T00:20', '03-02T00:40'] },
  {
    line: '5,10-12 0 2 mar mon root x',
    minutes: 60,
    want: ['05', '10', '11', '12'].map((m) => `03-02T00:${m}`),
  },
  { line: '50/5 0 * * * root x', minutes: 60, want: ['03-02T00:50', '03-02T00:55'] },
  { line: '@hourly root x', minutes: 61, want: ['03-02T00:00', '03-02T01:00'] },
  // Both days are restricted: either is enough, crontab(5).
  { line: '0 0 15 * mon root x', minutes: 1, want: ['03-02T00:00'] },
  { line: '0 0 15 * tue root x', minutes: 1, want: [] },
  { line: '0 0 * * 7 root x', minutes: 1, want: [] },
  { line: '0 0 * * 1 root', minutes: 1, want: [] },
  { line: '@reboot root x', minutes: 90, want: [] },
  { line: 'PATH=/usr/bin:/bin and more words here', minutes: 60, want: [] },
  { line: '61 * * * * root x', minutes: 120, want: [] },
  { line: '*/0 * * * * root x', minutes: 120, want: [] },
  { line: '9-3 * * * * root x', minutes: 120, want: [] },
  { line: '# 1 * * * * root x', minutes: 120, want: [] },
];
for (const { line, minutes, want } of cases) {
  test(`cron: ${line}`, () => {
    assert.deepEqual(due(line, '2026-03-02T00:00:00Z', minutes), want);
  });
}

test('cron goes by local time', () => {
  const line = '30 3 * * * root x';
  assert.deepEqual(due(line, '2026-03-28T00:00:00Z', 2 * 1440, 'Europe/Berlin'), [
    '03-28T02:30',
    '03-29T01:30',
  ]);
});

test('an entry is named by its table and line, never by its command', () => {
  const text = 'SHELL=/bin/sh\n\n0 4 * * * root curl https://user:secret@example.org\n';
  const [entry] = cronEntries('/etc/cron.d/backup', text);
  assert.equal(entry?.name, '/etc/cron.d/backup:3');
  assert.doesNotMatch(JSON.stringify(entry), /secret/);
});

test('what goes by another clock, and what is too much, is left out', () => {
  const text = '0 1 * * * root a\nCRON_TZ=Asia/Tokyo\n0 2 * * * root b\n';
  assert.deepEqual(
    cronEntries('t', text).map(({ name }) => name),
    ['t:1'],
  );
  assert.equal(cronEntries('t', '0 1 * * * root a\n'.repeat(1000)).length, cronEntriesMax);
});

test('after a pause only the last minutes are made up for, and time that runs back says nothing', () => {
  const clock = new CronClock(localClock('UTC'));
  clock.use(cronEntries('t', '* * * * * root x'));
  const from = at('2026-03-02T00:00:00Z');
  assert.equal(clock.advance(from).length, 1);
  assert.equal(clock.advance(from + 60 * minute).length, 5);
  assert.equal(clock.advance(from + 58 * minute).length, 0);
});
