import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '../src/collector/describe.ts';
import { systemClock } from '../src/collector/system-clock.ts';
import { Stamp } from '../src/model/stamp.ts';
import { openNdjson } from '../src/outputs/ndjson.ts';
import type { Row } from './row.ts';
import { recordedStorm, stormPath } from './storm-path.ts';

/**
 * Signals a second through the whole agent: bytes, unit table, transitions, events, lines, a pipe
 * that `cat` reads. The recorded storm, looped; nothing is dropped on the way.
 * @param signals how many
 */
export async function bench(signals = 1_000_000): Promise<Row[]> {
  const { bytes, messages, names } = recordedStorm();
  const passes = Math.max(1, Math.round(signals / messages.length));
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-bench-'));
  const fifo = join(folder, 'pipe');
  execFileSync('mkfifo', [fifo]);
  const reader = spawn('sh', ['-c', `exec cat <'${fifo}' >/dev/null`], { stdio: 'ignore' });
  const gone = once(reader, 'close');
  const fd = openSync(fifo, 'w');
  const output = openNdjson(fd, {
    host: 'bench.example.org',
    maxEvents: 65_536,
    maxPerSecond: 0,
    monotonicUs: () => systemClock.monotonicUs(),
    onClosed: (error) => {
      throw error;
    },
  });
  try {
    const stamp = new Stamp('bench.example.org', '0123456789abcdef0123456789abcdef');
    let events = 0;
    const path = stormPath(names, (what, unit) => {
      events++;
      output.push(stamp.event(describe(what, unit)));
    });
    const round = async (count: number): Promise<number> => {
      const begun = performance.now();
      for (let i = 0; i < count; i++) {
        path(bytes);
        await output.flush(10_000);
      }
      return (performance.now() - begun) / 1_000;
    };
    await round(Math.max(1, Math.round(passes / 10)));
    const made = events;
    const cpu = process.cpuUsage();
    const seconds = await round(passes);
    const { user, system } = process.cpuUsage(cpu);
    const { buffer_full, rate_limit, closed } = output.dropped;
    if (buffer_full + rate_limit + closed > 0) throw new Error('the bench dropped events');
    const count = passes * messages.length;
    return [
      {
        name: 'replay: signals through the agent',
        value: count / seconds,
        unit: '/s',
        note: 'goal 50,000 first, 200,000 then',
      },
      { name: 'replay: events out of it', value: (events - made) / seconds, unit: '/s' },
      { name: 'replay: CPU a signal', value: (user + system) / count, unit: 'µs' },
    ];
  } finally {
    await output.close(1_000);
    closeSync(fd);
    await gone;
    rmSync(folder, { recursive: true });
  }
}
