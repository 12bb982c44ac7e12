import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Reader } from '../../src/collector/reader.ts';
import { until } from '../bed.ts';

interface Far {
  readonly socket: Socket;
  /** All bytes that were taken. */
  readonly taken: () => Buffer;
  /** How often there was something to take. */
  takes: number;
  reason: string;
}

/** A reader that takes everything, and the far side of its socket. */
async function withReader(use: (far: Far) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-reader-'));
  const path = join(folder, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const taken: Buffer[] = [];
  const accepted = once(server, 'connection');
  const far = { takes: 0, reason: '', taken: () => Buffer.concat(taken) };
  const reader = new Reader({
    target: { path },
    bufferBytes: 4_096,
    onConnect: () => {},
    take: (bytes, start, end) => {
      far.takes++;
      taken.push(Buffer.from(bytes.subarray(start, end)));
      return end;
    },
    onClosed: (reason) => {
      far.reason = reason;
    },
  });
  try {
    const [socket] = (await accepted) as [Socket];
    await use(Object.assign(far, { socket }));
    socket.destroy();
  } finally {
    reader.close('the test is over');
    await new Promise<void>((resolve) => server.close(() => resolve()));
    rmSync(folder, { recursive: true });
  }
}

/** Writes so many single bytes, each as one write of its own. */
async function writeSingly(socket: Socket, count: number, pause: () => Promise<unknown>) {
  for (let i = 0; i < count; i++) {
    socket.write(Buffer.from([i & 255]));
    await pause();
  }
}

test('many wake-ups are a storm, which is read in few; when it is over, each write wakes again', () =>
  withReader(async (far) => {
    const { socket, taken } = far;
    await writeSingly(socket, 10, nextTurn);
    await until('they are there', () => taken().length === 10);
    // Each by itself; the first two may have waited for the connection together.
    assert.ok(far.takes >= 9, `quiet: ${far.takes} times for 10 bytes`);
    await writeSingly(socket, 600, nextTurn);
    await until('all are there', () => taken().length === 610);
    assert.ok(far.takes < 300, `a storm: ${far.takes} times for 610 bytes`);
    // Six drains without bytes, 8 ms apart, end it.
    await sleep(300);
    const before = far.takes;
    await writeSingly(socket, 10, nextTurn);
    await until('the last are there', () => taken().length === 620);
    assert.ok(far.takes - before >= 9, `quiet again: ${far.takes - before} times for 10 bytes`);
    const bytes = [...upTo(10), ...upTo(600), ...upTo(10)];
    assert.deepEqual(taken(), Buffer.from(bytes));
  }));

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i & 255);
}

test('a flood is read as fast as it comes, and the end of it is noticed', () =>
  withReader(async (far) => {
    const flood = Buffer.alloc(8_000_000, 'flood ');
    far.socket.end(flood);
    await until('it has ended', () => far.reason !== '', 10_000);
    assert.equal(far.reason, 'the bus closed the connection');
    assert.ok(far.taken().equals(flood));
  }));

test('a reader that is closed in a storm reads no more', () =>
  withReader(async (far) => {
    await writeSingly(far.socket, 100, nextTurn);
    far.socket.destroy();
    await until('it has ended', () => far.reason !== '');
    const { takes } = far;
    await sleep(50);
    assert.equal(far.takes, takes);
  }));
