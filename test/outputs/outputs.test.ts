/** What every output has to do, whatever its lines look like. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Channel } from '../../src/model/channel.ts';
import type { Output, OutputOptions } from '../../src/outputs/output.ts';
import { outputs } from '../../src/outputs/outputs.ts';
import type { Sink } from '../../src/outputs/sink.ts';
import { Writer } from '../../src/outputs/writer.ts';
import { eventOfSeq } from '../sample-events.ts';

const folder = mkdtempSync(join(tmpdir(), 'unitwatch-outputs-'));
after(() => rmSync(folder, { recursive: true }));

function optionsOf(change: Partial<OutputOptions> = {}): OutputOptions {
  return {
    host: 'test',
    maxEvents: 1_000,
    maxPerSecond: 0,
    monotonicUs: () => performance.now() * 1_000,
    onClosed: (error) => assert.fail(error),
    ...change,
  };
}

/** A Unix stream socket whose far side is ours to read, to stop and to close. */
async function newSocket(): Promise<{ fd: number; far: Socket; server: Server; near: Socket }> {
  const path = join(folder, `socket-${performance.now()}`);
  const server = createServer({ pauseOnConnect: true }).listen(path);
  await once(server, 'listening');
  // Half open: its descriptor stays when the far side is gone.
  const near = connect({ path, allowHalfOpen: true });
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const handle: unknown = Reflect.get(near, '_handle');
  const fd = Reflect.get(handle as object, 'fd') as number;
  return { fd, far, server, near };
}

for (const [name, open] of Object.entries(outputs)) {
  /** What the same output writes for one event alone. */
  async function lineOf(seq: number): Promise<string> {
    return write(`one-${seq}`, (output) => output.push(eventOfSeq(seq)));
  }
  async function write(
    file: string,
    work: (output: Output) => void,
    change?: Partial<OutputOptions>,
  ): Promise<string> {
    const path = join(folder, `${name}-${file}`);
    const fd = openSync(path, 'w');
    const output = open(fd, optionsOf(change));
    work(output);
    await output.close(5_000);
    closeSync(fd);
    return readFileSync(path, 'utf8');
  }

  test(`${name}: one line for each event, in order, all there after close`, async () => {
    const text = await write('order', (output) => {
      for (let seq = 1; seq <= 500; seq++) output.push(eventOfSeq(seq, 3));
    });
    const lines = text.split('\n');
    assert.equal(lines.pop(), '');
    assert.equal(lines.length, 500);
    for (const seq of [1, 2, 499]) assert.equal(`${lines[seq - 1]}\n`, await lineOf(seq));
  });

  test(`${name}: counts what it drops, and writes the gap`, async () => {
    let dropped: Output['dropped'] | undefined;
    const text = await write(
      'drops',
      (output) => {
        for (let seq = 1; seq <= 500; seq++) output.push(eventOfSeq(seq));
        dropped = output.dropped;
        assert.ok(output.waiting.events <= 100);
      },
      { maxEvents: 100 },
    );
    // They came in one piece of work, which ends before the first is written.
    assert.deepEqual(dropped, { buffer_full: 400, rate_limit: 0, closed: 0 });
    assert.equal(text.split('\n').length - 1, 1 + 100);
    assert.match(text.split('\n')[0] ?? '', /400 events were not delivered/);
  });

  test(`${name}: keeps the rate, and tells the last gap without being asked`, async () => {
    const path = join(folder, `${name}-rate`);
    const fd = openSync(path, 'w');
    const output = open(fd, optionsOf({ maxPerSecond: 40 }));
    for (let seq = 1; seq <= 200; seq++) output.push(eventOfSeq(seq));
    await sleep(600);
    const text = readFileSync(path, 'utf8');
    assert.equal(output.dropped.rate_limit, 160);
    assert.equal(text.split('\n').length - 1, 41);
    await output.close(1_000);
    closeSync(fd);
  });

  test(`${name}: flush says whether it is written; a quiet line leaves at once`, async () => {
    const { fd, far, server, near } = await newSocket();
    const output = open(fd, optionsOf({ maxEvents: 20_000 }));
    assert.equal(await output.flush(10), true, 'nothing to write');
    output.push(eventOfSeq(1));
    const pushed = performance.now();
    const [chunk] = (await once(far.resume(), 'data')) as [Buffer];
    assert.equal(chunk.toString(), await lineOf(1));
    assert.ok(performance.now() - pushed < 1_000);
    assert.equal(await output.flush(1_000), true);
    far.pause();
    for (let seq = 2; seq <= 20_000; seq++) output.push(eventOfSeq(seq));
    const started = performance.now();
    assert.equal(await output.flush(100), false);
    assert.ok(performance.now() - started < 600);
    await output.close(50);
    near.destroy();
    far.destroy();
    server.close();
  });

  test(`${name}: stays bounded while the far side hangs, closes twice, and in time`, async () => {
    const { fd, far, server, near } = await newSocket();
    const output = open(fd, optionsOf({ maxEvents: 200 }));
    for (let seq = 1; seq <= 20_000; seq++) {
      output.push(eventOfSeq(seq, 1_000));
      assert.ok(output.waiting.events <= 200);
      if (seq % 100 === 0) await new Promise(setImmediate);
    }
    const started = performance.now();
    await Promise.all([output.close(100), output.close(60_000)]);
    await output.close(60_000);
    assert.ok(performance.now() - started < 600);
    assert.deepEqual(output.waiting, { events: 0, bytes: 0 });
    const { buffer_full, closed } = output.dropped;
    assert.ok(buffer_full > 15_000 && closed >= 200);
    output.push(eventOfSeq(20_001));
    assert.equal(output.dropped.closed, closed + 1);
    assert.equal(await output.flush(60_000), false);
    near.destroy();
    far.destroy();
    server.close();
  });

  test(`${name}: a far side that is gone is told once, and counted`, async () => {
    const { fd, far, server, near } = await newSocket();
    const errors: (string | undefined)[] = [];
    const output = open(fd, optionsOf({ onClosed: (error) => errors.push(error.code) }));
    far.destroy();
    await once(far, 'close');
    for (let seq = 1; seq <= 10; seq++) {
      output.push(eventOfSeq(seq));
      await sleep(5);
    }
    await output.close(60_000);
    assert.deepEqual(errors, ['EPIPE']);
    assert.deepEqual(output.dropped, { buffer_full: 0, rate_limit: 0, closed: 10 });
    near.destroy();
    server.close();
  });

  test(`${name}: a descriptor that is not open is refused`, () => {
    assert.throws(() => open(9_999, optionsOf()), { code: 'EBADF' });
  });
}

test('a disk that is full for a while: the rest of the line follows when there is room', async () => {
  const channel = new Channel<string>({
    maxEvents: 10,
    maxBytes: 1e6,
    maxPerSecond: 0,
    tellGap: () => 'gap\n',
  });
  // A disk that takes 5 bytes, then says three times that it is full.
  let disk = '';
  let full = 3;
  const sink: Sink = {
    kind: 'file',
    write(bytes, written) {
      const isFull = full-- > 0;
      const count = isFull ? Math.min(bytes.length, full === 2 ? 5 : 0) : bytes.length;
      disk += Buffer.from(bytes.subarray(0, count)).toString();
      const error = Object.assign(new Error('full'), { code: 'ENOSPC' });
      setImmediate(() => written(isFull ? error : undefined, count));
    },
    destroy: () => undefined,
  };
  const told: string[] = [];
  const writer = new Writer({
    channel,
    sink,
    monotonicUs: () => 0,
    onClosed: () => told.push('closed'),
    onRetrying: () => told.push('retrying'),
    onResumed: () => told.push('resumed'),
  });
  for (let seq = 1; seq <= 3; seq++) {
    channel.push(`line ${seq}\n`, seq, 0, true, 7);
    writer.wake();
  }
  assert.equal(await writer.flush(5_000), true);
  assert.equal(disk, 'line 1\nline 2\nline 3\n');
  assert.deepEqual(told, ['retrying', 'resumed']);
  assert.equal(writer.retried, 3);
  await writer.close(100);
  assert.equal(channel.taken, 3);
});
