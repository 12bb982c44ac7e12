/** Outputs in real processes, against what readers, terminals and disks really do. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildReport, ChildSettings } from './output-child.ts';
import { accountOf, eventsOf } from './validate.ts';

const child = join(import.meta.dirname, 'output-child.js');
const folder = mkdtempSync(join(tmpdir(), 'unitwatch-output-'));
const running = new Set<ChildProcess>();
after(() => {
  for (const each of running) each.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A writer that is blocked for ever is a failure, not a test that hangs. */
const timeout = 30_000;

/** The event loop was never blocked for long, but for the time in which others had the CPU. */
function checkLag({ lagMs, cpuWaitMs }: ChildReport): void {
  assert.ok(lagMs - cpuWaitMs < 50, `blocked for ${lagMs} ms, waited for the CPU ${cpuWaitMs} ms`);
}

function start(command: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  const process_ = spawn(command, args, { stdio });
  running.add(process_);
  process_.once('exit', () => running.delete(process_));
  return process_;
}

const defaults: ChildSettings = {
  output: 'ndjson',
  events: 3_000,
  each10Ms: 30,
  maxEvents: 100_000,
  closeDeadlineMs: 2_000,
};

/** Starts the writing process through a shell, whose redirections make what is to be tested. */
function startWriter(redirect: string, change: Partial<ChildSettings>, stdout: 'ignore' | 'pipe') {
  const settings = JSON.stringify({ ...defaults, ...change });
  const started = performance.now();
  const script = `exec "$0" "$1" "$2" ${redirect}`;
  const args = ['-c', script, process.execPath, child, settings];
  const writer = start('/bin/sh', args, ['ignore', stdout, 'inherit', 'pipe']);
  let text = '';
  writer.stdio[3]?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exit = once(writer, 'close');
  return {
    writer,
    /** Its last word; fails when it did not end by itself with status 0. */
    async report(): Promise<ChildReport & { readonly tookMs: number }> {
      const [code, signal] = await exit;
      assert.deepEqual([code, signal], [0, null], text);
      const end = JSON.parse(text.trim().split('\n').at(-1) ?? '') as ChildReport;
      return { ...end, tookMs: performance.now() - started };
    },
  };
}

function newFifo(name: string): string {
  const fifo = join(folder, name);
  execFileSync('mkfifo', [fifo]);
  return fifo;
}

function startReader(fifo: string) {
  const file = `${fifo}.read`;
  const reader = start('/bin/sh', ['-c', 'exec cat < "$0" > "$1"', fifo, file], 'inherit');
  const exit = once(reader, 'exit');
  return {
    reader,
    async read() {
      await exit;
      return eventsOf(readFileSync(file, 'utf8'));
    },
  };
}

test('a pipe whose reader stops for 3 s and goes on loses nothing', { timeout }, async () => {
  const fifo = newFifo('stopped');
  const { reader, read } = startReader(fifo);
  const writing = startWriter(`> ${fifo}`, { events: 15_000 }, 'ignore');
  await sleep(700);
  reader.kill('SIGSTOP');
  await sleep(3_000);
  reader.kill('SIGCONT');
  const report = await writing.report();
  assert.ok(report.waitingEventsMax > 2_000, `it was stopped: ${report.waitingEventsMax} waited`);
  checkLag(report);
  assert.deepEqual(accountOf(await read(), 15_000), { delivered: 15_000, dropped: 0 });
});

test('a pipe whose reader stops for longer than the buffer holds: told to the last event', {
  timeout,
}, async () => {
  const fifo = newFifo('overflow');
  const { reader, read } = startReader(fifo);
  const change = { events: 12_000, maxEvents: 500, keptEvery: 100 };
  const writing = startWriter(`> ${fifo}`, change, 'ignore');
  await sleep(500);
  reader.kill('SIGSTOP');
  await sleep(2_000);
  reader.kill('SIGCONT');
  const report = await writing.report();
  const events = await read();
  const { dropped } = accountOf(events, 12_000);
  assert.ok(dropped > 1_000, `${dropped} dropped`);
  assert.equal(dropped, report.dropped['buffer_full']);
  assert.equal(events.filter((event) => event.event_type === 'crash_loop').length, 120);
  assert.ok(report.waitingEventsMax <= 500, `${report.waitingEventsMax} waited`);
  checkLag(report);
});

test('a pipe whose reader is killed: EPIPE is told once, the rest is counted', {
  timeout,
}, async () => {
  const fifo = newFifo('killed');
  const { reader } = startReader(fifo);
  const writing = startWriter(`> ${fifo}`, {}, 'ignore');
  await sleep(500);
  reader.kill('SIGKILL');
  const report = await writing.report();
  assert.deepEqual(report.closedWith, ['EPIPE']);
  assert.equal(report.made, 3_000);
  assert.ok((report.dropped['closed'] ?? 0) > 500);
  assert.ok(report.closeMs < 50, `nothing to wait for: ${report.closeMs} ms`);
});

test('a pipe whose reader hangs for ever: bounded, and the process ends within a second', {
  timeout,
}, async () => {
  const fifo = newFifo('hung');
  const { reader } = startReader(fifo);
  const change = { events: 2_000, maxEvents: 300, closeDeadlineMs: 500 };
  const writing = startWriter(`> ${fifo}`, change, 'ignore');
  await sleep(100);
  reader.kill('SIGSTOP');
  const report = await writing.report();
  reader.kill('SIGKILL');
  assert.ok(report.closeMs >= 450 && report.closeMs < 700, `${report.closeMs} ms`);
  assert.ok(report.tookMs < 700 + 500 + 1_000 + 500, `${report.tookMs} ms in all`);
  assert.ok(report.waitingEventsMax <= 300);
  assert.ok((report.dropped['buffer_full'] ?? 0) > 100);
  assert.ok((report.dropped['closed'] ?? 0) >= 300, 'what waited at the end is counted');
  checkLag(report);
});

test('a FIFO that nobody reads: bounded, ends in time', { timeout }, async () => {
  const fifo = newFifo('unread');
  const change = { events: 2_000, maxEvents: 300, closeDeadlineMs: 300 };
  const report = await startWriter(`1<> ${fifo}`, change, 'ignore').report();
  assert.ok(report.closeMs >= 250 && report.closeMs < 500, `${report.closeMs} ms`);
  assert.equal(report.waitingEventsMax, 300);
  checkLag(report);
});

test('a socket, as under systemd: a reader that pauses loses nothing', { timeout }, async () => {
  // Node connects 'pipe' with a pair of Unix stream sockets.
  const writing = startWriter('', { events: 6_000 }, 'pipe');
  const { stdout } = writing.writer;
  assert.ok(stdout);
  let text = '';
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await sleep(400);
  stdout.pause();
  await sleep(1_200);
  stdout.resume();
  const report = await writing.report();
  assert.ok(report.waitingEventsMax > 500, `it was stopped: ${report.waitingEventsMax} waited`);
  checkLag(report);
  assert.deepEqual(accountOf(eventsOf(text), 6_000), { delivered: 6_000, dropped: 0 });
});

test('a socket whose reader closes', { timeout }, async () => {
  const writing = startWriter('', {}, 'pipe');
  await sleep(400);
  writing.writer.stdout?.destroy();
  const report = await writing.report();
  assert.equal(report.closedWith.length, 1);
  assert.match(report.closedWith[0] ?? '', /^(EPIPE|ECONNRESET)$/);
});

test('a socket whose reader hangs: the process ends', { timeout }, async () => {
  const writing = startWriter('', { maxEvents: 300, closeDeadlineMs: 300 }, 'pipe');
  writing.writer.stdout?.pause();
  const exited = once(writing.writer, 'exit');
  const started = performance.now();
  await exited;
  assert.ok(performance.now() - started < 1_000 + 300 + 1_000 + 500);
  writing.writer.stdout?.resume();
  const report = await writing.report();
  assert.ok(report.closeMs < 500, `${report.closeMs} ms`);
  checkLag(report);
});

test('a file: every event, in order', { timeout }, async () => {
  const file = join(folder, 'events.ndjson');
  const report = await startWriter(`>> ${file}`, { each10Ms: 300 }, 'ignore').report();
  assert.equal(report.retried, 0);
  const events = eventsOf(readFileSync(file, 'utf8'));
  assert.deepEqual(accountOf(events, 3_000), { delivered: 3_000, dropped: 0 });
});

for (const [name, redirect] of [
  ['/dev/null', '> /dev/null'],
  ['no standard output at all', '>&-'],
] as const) {
  test(`${name} takes everything`, { timeout }, async () => {
    const report = await startWriter(redirect, {}, 'ignore').report();
    assert.deepEqual(report.dropped, { buffer_full: 0, rate_limit: 0, closed: 0 });
    assert.deepEqual(report.closedWith, []);
  });
}

test('a full disk: told, tried again, bounded, and the process ends', { timeout }, async () => {
  const change = { maxEvents: 300, closeDeadlineMs: 300 };
  const report = await startWriter('> /dev/full', change, 'ignore').report();
  assert.deepEqual(report.retryingWith, ['ENOSPC']);
  assert.deepEqual(report.closedWith, []);
  assert.ok(report.retried >= 2, `${report.retried} tries`);
  assert.equal(report.waitingEventsMax, 300);
  const { buffer_full = 0, closed = 0 } = report.dropped;
  assert.equal(buffer_full + closed, 3_000, 'nothing was written, everything is counted');
});

/** `script` (util-linux) is the terminal: it holds the other side of a pseudo-terminal. */
function startTerminal(change: Partial<ChildSettings>) {
  const out = join(folder, 'terminal-report');
  closeSync(openSync(out, 'w'));
  const settings = JSON.stringify({ ...defaults, ...change });
  const command = `exec '${process.execPath}' '${child}' '${settings}' 3>'${out}'`;
  const args = ['-qefc', command, '/dev/null'];
  const terminal = start('script', args, ['pipe', 'pipe', 'inherit']);
  let text = '';
  terminal.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const exit = once(terminal, 'close');
  return {
    press: (key: string) => terminal.stdin?.write(key),
    async end() {
      await exit;
      const report = readFileSync(out, 'utf8').trim().split('\n').at(-1) ?? '';
      return { report: JSON.parse(report) as ChildReport, text: text.replaceAll('\r\n', '\n') };
    },
  };
}

test('a terminal that is stopped with Ctrl-S and continued loses nothing', {
  timeout,
}, async () => {
  const { press, end } = startTerminal({ events: 6_000 });
  await sleep(500);
  press('\x13');
  await sleep(1_000);
  press('\x11');
  const { report, text } = await end();
  assert.ok(report.waitingEventsMax > 1_000, `it was stopped: ${report.waitingEventsMax} waited`);
  checkLag(report);
  assert.deepEqual(accountOf(eventsOf(text), 6_000), { delivered: 6_000, dropped: 0 });
});

test('a terminal that stays stopped: bounded, and the process ends', { timeout }, async () => {
  const { press, end } = startTerminal({ output: 'pretty', maxEvents: 300, closeDeadlineMs: 300 });
  await sleep(300);
  press('\x13');
  const { report } = await end();
  assert.ok(report.waitingEventsMax <= 300);
  assert.ok((report.dropped['buffer_full'] ?? 0) > 0);
  assert.ok(report.closeMs < 500, `${report.closeMs} ms`);
  checkLag(report);
});

test('others that write to the same pipe do not get its O_NONBLOCK', { timeout }, async () => {
  const fifo = newFifo('shared');
  const file = join(folder, 'flags');
  startReader(fifo);
  // All share one open file description; cat looks at its flags while the writer runs.
  const script = `"$0" "$1" "$2" 3> "$3.ready" &
    until [ -s "$3.ready" ]; do sleep 0.02; done
    cat /proc/self/fdinfo/5 > "$3"; wait`;
  const settings = JSON.stringify(defaults);
  const shell = [
    '-c',
    `exec > "$4" 5>&1; ${script}`,
    process.execPath,
    child,
    settings,
    file,
    fifo,
  ];
  const [code] = await once(start('/bin/sh', shell, 'inherit'), 'exit');
  assert.equal(code, 0);
  const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? '', 8);
  assert.ok(flags > 0);
  assert.equal(flags & 0o4000, 0, 'O_NONBLOCK is not set');
});
