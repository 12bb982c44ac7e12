import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Channel } from '../src/model/channel.ts';
import type { Event } from '../src/model/event.ts';
import { lineOf } from '../src/model/line.ts';
import { openNdjson } from '../src/outputs/ndjson.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

/** A state event as a crash-looping service makes it: about 500 bytes. */
function eventOf(seq: number): Event {
  return {
    seq,
    time: '2026-01-31T09:26:53.589793Z',
    host: 'web-17.example.org',
    event_type: 'restarting',
    service: 'nginx-backend@3.service',
    severity: 'warning',
    boot_id: '0123456789abcdef0123456789abcdef',
    invocation_id: 'fedcba9876543210fedcba9876543210',
    pid: 12_345,
    cgroup: '/system.slice/nginx-backend@3.service',
    data: {
      active_state: 'activating',
      sub_state: 'auto-restart',
      n_restarts: seq,
      cause: 'automatic',
      count: 1,
      restarts_total: seq,
      reason: 'exit-code',
      result: 'exit-code',
      exit_code: 1,
    },
  };
}

/** Best of five rounds, in nanoseconds for each call. */
function nanosecondsOf(rounds: number, work: (i: number) => number): { ns: number; sum: number } {
  let best = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    for (let i = 1; i <= rounds; i++) sum += work(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / rounds);
  }
  return { ns: best, sum };
}

function newChannel(maxEvents: number): Channel<string> {
  return new Channel({ maxEvents, maxBytes: 1e9, maxPerSecond: 0, tellGap: () => 'gap\n' });
}

/**
 * What an event costs after it was made: as a line, through the channel, into a pipe.
 * @param size events in each measurement
 */
export async function bench(size = 100_000): Promise<Row[]> {
  const event = eventOf(1);
  const line = lineOf(event);
  const stringify = nanosecondsOf(size, (i) => JSON.stringify({ ...event, seq: i }).length);
  const lines = nanosecondsOf(size, (i) => lineOf({ ...event, seq: i }).length);
  let seq = 0;
  const quick = newChannel(10_000);
  const channel = nanosecondsOf(size, (i) => {
    quick.push(line, ++seq, i, true, line.length);
    return quick.take(i) === line ? 1 : 0;
  });
  const full = newChannel(10_000);
  let fullSeq = 0;
  const dropping = nanosecondsOf(size, (i) => {
    full.push(line, ++fullSeq, i, true, line.length);
    return full.length;
  });
  const { perSecond, cpuUs } = await writeToPipe(size);
  return [
    { name: 'JSON.stringify', value: stringify.ns / 1e3, unit: 'µs', note: 'the object alone' },
    { name: 'lineOf', value: lines.ns / 1e3, unit: 'µs', note: `${line.length} bytes` },
    { name: 'channel push + take', value: channel.ns / 1e3, unit: 'µs', note: `${channel.sum}` },
    {
      name: 'channel push, full',
      value: dropping.ns / 1e3,
      unit: 'µs',
      note: `10,000 wait, the oldest is dropped; ${full.dropped.buffer_full}`,
    },
    {
      name: 'events into a pipe',
      value: Math.round(perSecond),
      unit: 'events/s',
      note: `read by cat; ${cpuUs.toFixed(1)} µs of CPU each, the event's object included`,
    },
  ];
}

async function writeToPipe(events: number): Promise<{ perSecond: number; cpuUs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-bench-'));
  const fifo = join(folder, 'fifo');
  await once(spawn('mkfifo', [fifo]), 'exit');
  const reader = spawn('/bin/sh', ['-c', 'exec cat "$0" > /dev/null', fifo], { stdio: 'ignore' });
  const fd = openSync(fifo, 'w');
  const output = openNdjson(fd, {
    host: 'bench',
    maxEvents: events,
    maxPerSecond: 0,
    monotonicUs: () => performance.now() * 1e3,
    onClosed: (error) => {
      throw error;
    },
  });
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  // In portions, as the agent drains its socket.
  for (let seq = 1; seq <= events; seq++) {
    output.push(eventOf(seq));
    if (seq % 500 === 0) await new Promise(setImmediate);
  }
  await output.flush(60_000);
  const seconds = (performance.now() - start) / 1e3;
  const cpu = process.cpuUsage(cpuBefore);
  const lost = Object.values(output.dropped).reduce((sum, count) => sum + count, 0);
  if (lost > 0) throw new Error(`${lost} events were dropped`);
  await output.close(1_000);
  closeSync(fd);
  await once(reader, 'exit');
  rmSync(folder, { recursive: true });
  return { perSecond: events / seconds, cpuUs: (cpu.user + cpu.system) / events };
}
