import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import type { Event } from '../../src/model/event.ts';
import { prettyLine } from '../../src/outputs/pretty.ts';
import { columnsOf, fit, pad, printable } from '../../src/outputs/terminal-text.ts';
import { samples } from '../sample-events.ts';

const plain = { colour: false, width: 140 };

const want = {
  started: 'running, pid 12345',
  exited: 'exit 1, after 3.3 s, will be started again',
  restarting: 'automatic restart 17, exit 1',
  restarted: 'automatic restart 17, exit 1, down 400 ms',
  stopped: 'clean, restart cancelled',
  failed: 'SIGSEGV (core dumped)',
  missing: 'not known to systemd',
  crash_loop: 'opened, It restarted 5 times within a minute.',
  periodic_crash: 'opened, {"restarts":5,"window_s":60,"intervals_s":[0.4,0.5]}',
  anomaly: 'opened, {"restarts":5,"window_s":60,"intervals_s":[0.4,0.5]}',
  memory_leak: 'opened, {"restarts":5,"window_s":60,"intervals_s":[0.4,0.5]}',
  alarm: 'raised, mysql',
  restart_step: 'attempt 2, restart ok',
  circuit: 'open, 3 failures',
  control: 'start failed, its start command ended with status 3, no /data',
  check: 'missing, 0 of 1 processes, was running for 1 d',
  notification: 'down, anna, retrying, status 503',
  agent: 'started, version 0.1.0, 300 units',
};
for (const sample of Object.values(samples)) {
  test(`${sample.event_type} in short words, aligned`, () => {
    const service = sample.service.padEnd(35);
    const type = sample.event_type.padEnd(14);
    const line = prettyLine(sample, plain);
    const words = want[sample.event_type];
    assert.equal(line, `09:26:53.589 warning  ${service} ${type} ${words}\n`);
  });
}

const endings = [
  { data: { reason: 'oom-kill', result: 'oom-kill', signal: 'SIGKILL' }, want: 'oom-kill' },
  { data: { reason: 'signal', result: 'signal', signal: 'SIGTERM' }, want: 'SIGTERM' },
  { data: { reason: 'start-limit-hit', result: 'exit-code' }, want: 'start-limit-hit' },
  {
    data: { reason: 'watchdog', result: 'watchdog', core_dump: true },
    want: 'watchdog (core dumped)',
  },
  { data: { reason: 'clean', result: 'success', load_state: 'bad-setting' }, want: 'bad-setting' },
] as const;
for (const { data, want } of endings) {
  test(`an ending: ${want}`, () => {
    const event: Event = { ...samples.failed, data: { ...stateOf(samples.failed), ...data } };
    assert.ok(prettyLine(event, plain).endsWith(` ${want}\n`), prettyLine(event, plain));
  });
}
function stateOf({ data }: typeof samples.failed) {
  const { active_state, sub_state, n_restarts } = data;
  return { active_state, sub_state, n_restarts };
}

test('several restarts in one event', () => {
  const data = { ...samples.restarting.data, count: 12, restarts_total: 40 };
  const line = prettyLine({ ...samples.restarting, data } as Event, plain);
  assert.ok(line.endsWith('12 automatic restarts, 40 in all, exit 1\n'), line);
});

test('colour adds nothing but colour', () => {
  for (const sample of Object.values(samples)) {
    const line = prettyLine(sample, { colour: true, width: 140 });
    assert.ok(line.includes('\x1b[33mwarning \x1b[0m'), line);
    assert.equal(stripVTControlCharacters(line), prettyLine(sample, plain));
  }
});

const hostile = [
  { name: 'an escape sequence', text: '\x1b[2Ja', want: '\\x1b[2Ja' },
  { name: 'an 8-bit escape', text: '\x9b2Ja', want: '\\x9b2Ja' },
  { name: 'a new line', text: 'a\r\nb', want: 'a\\x0d\\x0ab' },
  { name: 'a title', text: '\x1b]0;x\x07', want: '\\x1b]0;x\\x07' },
  { name: 'right to left', text: 'a\u202eb', want: 'a\\u{202e}b' },
  { name: 'zero width', text: 'a\u200bb', want: 'a\\u{200b}b' },
  { name: 'half a character', text: 'a\ud800b', want: 'a\\u{d800}b' },
  { name: 'letters of the world', text: 'äß漢字😀', want: 'äß漢字😀' },
];
for (const { name, text, want } of hostile) {
  test(`a name with ${name}`, () => {
    assert.equal(printable(text), want);
    const line = prettyLine({ ...samples.agent, service: text, message: text }, plain);
    assert.ok(line.includes(` ${want} `) && line.endsWith(` ${want}\n`), line);
  });
}

const widths = [
  { text: 'abc', columns: 3 },
  { text: '漢字', columns: 4 },
  { text: 'e\u0301', columns: 1 },
  { text: '😀', columns: 2 },
];
for (const { text, columns } of widths) {
  test(`${text} takes ${columns}`, () => assert.equal(columnsOf(text), columns));
}

test('no text is wider than it may be, no line wider than the terminal', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  fc.assert(
    fc.property(text, text, fc.integer({ min: 0, max: 250 }), (service, message, width) => {
      const shown = printable(message);
      assert.ok(columnsOf(fit(shown, width)) <= width);
      assert.equal(columnsOf(pad(shown, width)), width);
      const event: Event = { ...samples.agent, service, message };
      const line = prettyLine(event, { colour: false, width });
      assert.match(line, /^[^\p{Cc}\p{Cf}\u2028\u2029]*\n$/u);
      assert.ok(columnsOf(line.slice(0, -1)) <= width, `${width}: ${line}`);
    }),
    { seed: 7, numRuns: 500 },
  );
});
