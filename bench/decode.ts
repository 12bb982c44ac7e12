import { createRequire } from 'node:module';
import { GCProfiler } from 'node:v8';
import type { Decoded } from '../test/collector/encode.ts';
import { dbusNext } from '../test/collector/encode.ts';
import type { Row } from './row.ts';
import { recordedStorm, stormPath } from './storm-path.ts';

interface DbusNextRest {
  readonly messageToJsFmt: (message: Decoded) => Decoded;
}
const require = createRequire(import.meta.url);
const { messageToJsFmt }: DbusNextRest = require('dbus-next/lib/marshall-compat');
const DbusMessage: new (message: Decoded) => unknown =
  require('dbus-next/lib/message-type').Message;

/**
 * CPU to decode one real signal into the unit table, transitions included, against what dbus-next
 * needs to make a message of the same bytes, in the same process.
 * @param signals how many to decode for each figure
 */
export async function bench(signals = 400_000): Promise<Row[]> {
  const { bytes, messages, names } = recordedStorm();
  const passes = Math.max(1, Math.round(signals / messages.length));
  let transitions = 0;
  const watched = stormPath(names, () => {
    transitions++;
  });
  const unwatched = stormPath([], () => {});
  const count = messages.length * passes;
  const repeat = (work: (bytes: Buffer) => void) => () => {
    for (let i = 0; i < passes; i++) work(bytes);
  };
  const ours = cpuUs(repeat(watched)) / count;
  const others = cpuUs(repeat(unwatched)) / count;
  const theirPasses = Math.max(1, Math.round(passes / 20));
  const theirs =
    cpuUs(() => {
      for (let i = 0; i < theirPasses; i++) messages.forEach(decodedByDbusNext);
    }) /
    (messages.length * theirPasses);
  const { bytes: allocated, pauseMs } = allocatedBy(repeat(watched));
  const perTransition = count / (transitions / 3);
  return [
    { name: 'decode: a signal', value: ours, unit: 'µs', note: 'goal 8 first, 2 then' },
    { name: 'decode: a signal nobody follows', value: others, unit: 'µs' },
    { name: 'decode: dbus-next, the same bytes', value: theirs, unit: 'µs' },
    { name: 'decode: unitwatch / dbus-next', value: ours / theirs, unit: '×', note: 'goal 0.2' },
    {
      name: 'decode: memory taken a signal',
      value: allocated / count,
      unit: 'bytes',
      note: `a transition every ${perTransition.toFixed(1)} signals takes most of it`,
    },
    { name: 'decode: collecting it', value: (pauseMs / count) * 1_000, unit: 'µs' },
  ];
}

function decodedByDbusNext(bytes: Buffer): unknown {
  return new DbusMessage(messageToJsFmt(dbusNext.unmarshall(bytes)));
}

/** CPU time of the process, the collector's threads included; the work is done once before. */
function cpuUs(work: () => void): number {
  work();
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Bytes allocated on the heap and what collecting them took. */
function allocatedBy(work: () => void): { readonly bytes: number; readonly pauseMs: number } {
  const profiler = new GCProfiler();
  profiler.start();
  let level = process.memoryUsage().heapUsed;
  work();
  const last = process.memoryUsage().heapUsed;
  let bytes = 0;
  let pauseMs = 0;
  for (const { beforeGC, afterGC, cost } of profiler.stop()?.statistics ?? []) {
    bytes += beforeGC.heapStatistics.usedHeapSize - level;
    level = afterGC.heapStatistics.usedHeapSize;
    pauseMs += cost / 1_000;
  }
  return { bytes: bytes + last - level, pauseMs };
}
