import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Channel } from '../src/model/channel.ts';
import { type Gap, gapEvent } from '../src/model/gap.ts';
import { Lane } from '../src/model/lane.ts';
import { RateLimit } from '../src/model/rate-limit.ts';
import { validateEvent } from './validate.ts';

type Item = number | Gap;
const timeOf = (seq: number) => 1_000_000 + seq * 10;

function newChannel(maxEvents: number, options: { maxBytes?: number; maxPerSecond?: number } = {}) {
  return new Channel<Item>({
    maxEvents,
    maxBytes: options.maxBytes ?? 1e9,
    maxPerSecond: options.maxPerSecond ?? 0,
    tellGap: (gap) => gap,
  });
}
function push(channel: Channel<Item>, seqs: readonly number[], keptSeqs: readonly number[] = []) {
  for (const seq of seqs) channel.push(seq, seq, timeOf(seq), !keptSeqs.includes(seq), 36);
}
function drain(channel: Channel<Item>, nowUs = 0): Item[] {
  const items: Item[] = [];
  for (let item = channel.take(nowUs); item !== undefined; item = channel.take(nowUs)) {
    items.push(item);
  }
  return items;
}
/** `3..5` for a gap, the seq for an event. */
function brief(items: readonly Item[]): (string | number)[] {
  return items.map((item) =>
    typeof item === 'number' ? item : `${item.firstSeq}..${item.lastSeq} ${item.reason}`,
  );
}
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

const cases = [
  { name: 'all fit', max: 5, push: 5, kept: [], want: [1, 2, 3, 4, 5] },
  { name: 'the oldest go', max: 3, push: 5, kept: [], want: ['1..2 buffer_full', 3, 4, 5] },
  {
    name: 'kept ones stay in their place',
    max: 3,
    push: 6,
    kept: [2, 4],
    want: ['1..1 buffer_full', 2, '3..3 buffer_full', 4, '5..5 buffer_full', 6],
  },
  {
    name: 'kept ones exceed the count',
    max: 2,
    push: 5,
    kept: [1, 2, 3, 4],
    want: [1, 2, 3, 4, '5..5 buffer_full'],
  },
  {
    name: 'two kept ones in a row',
    max: 3,
    push: 7,
    kept: [3, 4],
    want: ['1..2 buffer_full', 3, 4, '5..6 buffer_full', 7],
  },
  {
    name: 'only kept ones beyond the bytes: the oldest go, as one gap',
    max: 3,
    bytes: 300,
    push: 6,
    kept: upTo(6),
    want: ['1..3 buffer_full', 4, 5, 6],
  },
  {
    name: 'a lost kept one joins the gaps around it',
    max: 10,
    bytes: 200,
    push: 6,
    kept: [2, 4, 5, 6],
    want: ['1..4 buffer_full', 5, 6],
  },
  {
    name: 'an event larger than everything is told, too',
    max: 10,
    bytes: 50,
    push: 1,
    kept: [1],
    want: ['1..1 buffer_full'],
  },
];
for (const { name, max, bytes, push: count, kept, want } of cases) {
  test(`channel: ${name}`, () => {
    const channel = newChannel(max, bytes === undefined ? {} : { maxBytes: bytes });
    push(channel, upTo(count), kept);
    assert.deepEqual(brief(drain(channel)), want);
    assert.equal(channel.bytes, 0);
    assert.equal(channel.taken + channel.dropped.buffer_full, count);
  });
}

test('a gap has the times of its first and last event, and is a valid event', () => {
  const channel = newChannel(1);
  push(channel, upTo(4));
  const [gap] = drain(channel);
  assert.ok(typeof gap === 'object');
  assert.deepEqual({ ...gap }, { ...gap, dropped: 3, sinceUs: timeOf(1), untilUs: timeOf(3) });
  const event = gapEvent(gap, 'host');
  validateEvent(event);
  assert.equal(event.seq, 3);
  validateEvent(gapEvent(gap, 'host', '0123456789abcdef0123456789abcdef'));
});

test('seq must rise', () => {
  const channel = newChannel(3);
  push(channel, [2]);
  assert.throws(() => push(channel, [2]), /seq 2 came after 2/);
});

test('closed: what waits and what comes is counted, nothing is held', () => {
  const channel = newChannel(3);
  push(channel, upTo(5), [5]);
  assert.equal(brief([channel.take(0) ?? 0])[0], '1..2 buffer_full');
  assert.equal(channel.take(0), 3);
  channel.close(1);
  channel.close(1);
  push(channel, [6, 7]);
  assert.deepEqual(channel.dropped, { buffer_full: 2, rate_limit: 0, closed: 5 });
  assert.deepEqual([channel.taken, channel.length, channel.bytes, channel.gaps], [0, 0, 0, 0]);
  assert.deepEqual(drain(channel), []);
});

test('the rate limit drops what leaves too fast, one gap for each pause, kept ones pass', () => {
  const channel = newChannel(1_000, { maxPerSecond: 8 });
  push(channel, upTo(20), [15]);
  assert.deepEqual(brief(drain(channel, 0)), [...upTo(8), '9..14 rate_limit', 15]);
  assert.equal(channel.gaps, 1, 'the last run may grow');
  const readyAt = channel.readyAt() ?? 0;
  assert.ok(readyAt > 240_000 && readyAt <= 251_000, `a quarter of a second: ${readyAt}`);
  push(channel, [21]);
  assert.deepEqual(drain(channel, readyAt - 2_000), []);
  assert.deepEqual(brief(drain(channel, readyAt)), ['16..21 rate_limit']);
  push(channel, [22, 23, 24]);
  assert.deepEqual(brief(drain(channel, readyAt)), [22, 23]);
  channel.end();
  assert.deepEqual(
    brief(drain(channel, readyAt)),
    ['24..24 rate_limit'],
    'told at once at the end',
  );
  assert.deepEqual(channel.dropped, { buffer_full: 0, rate_limit: 13, closed: 0 });
});

test('over a minute of storm, the rate limit lets through what it says', () => {
  for (const rate of [1, 3, 100, 2_500]) {
    const limit = new RateLimit(rate);
    let passed = 0;
    for (let us = 0; us < 60e6; us += 137) {
      if (!limit.isOpen(us)) continue;
      limit.spend();
      passed++;
    }
    assert.ok(passed <= rate * 61 && passed >= rate * 59.5, `${rate}/s: ${passed} in 60 s`);
  }
});

test('a clock that stands still or goes back opens nothing', () => {
  const limit = new RateLimit(1);
  assert.ok(limit.isOpen(10e6));
  limit.spend();
  assert.ok(!limit.isOpen(10e6));
  assert.ok(!limit.isOpen(1e6));
  assert.ok(!limit.isOpen(10.9e6));
  assert.ok(limit.isOpen(11e6));
});

test('a lane keeps order while it grows, wraps and gives its memory back', () => {
  const lane = new Lane<number>();
  let pushed = 0;
  let shifted = 0;
  for (const [more, less] of [
    [50, 30],
    [200, 10],
    [5_000, 5_210],
    [10, 10],
    [3_000, 0],
  ] as const) {
    for (let i = 0; i < more; i++) lane.push(++pushed, pushed, pushed * 2, pushed * 3, pushed * 4);
    for (let i = 0; i < less; i++) {
      shifted++;
      assert.deepEqual(
        [lane.seq, lane.timeUs, lane.bytes, lane.mark],
        [1, 2, 3, 4].map((n) => n * shifted),
      );
      assert.equal(lane.shift(), shifted);
    }
  }
  assert.equal(lane.length, pushed - shifted);
  assert.equal(new Lane<number>().shift(), undefined);
});

/** What a reader knows must add up under any order of pushes, reads, stalls and time. */
test('order, exact accounting, bounds and gaps under any interleaving', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('push' as const), n: fc.nat(40), kept: fc.nat(9) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const), n: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), n: fc.nat(700) }) },
  );
  const run = fc.record({
    maxEvents: fc.integer({ min: 1, max: 50 }),
    maxBytes: fc.oneof(fc.constant(1e9), fc.integer({ min: 300, max: 4_000 })),
    maxPerSecond: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 })),
    skip: fc.boolean(),
    steps: fc.array(step, { maxLength: 60 }),
  });
  const seen = { gaps: 0, rateLimited: 0, keptLost: 0 };
  fc.assert(
    fc.property(run, ({ steps, skip, ...limits }) => {
      const world = new World(limits, skip);
      for (const { n, ...each } of steps) {
        if (each.do === 'pass') world.nowUs += n * 1_000;
        if (each.do === 'push') world.push(n, each.kept);
        if (each.do === 'take') world.take(n);
        world.checkBounds();
      }
      const { gaps, rateLimited, keptLost } = world.finish();
      seen.gaps += gaps;
      seen.rateLimited += rateLimited;
      seen.keptLost += keptLost;
    }),
    { seed: 42, numRuns: 1_500 },
  );
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 1_000, `${what}: ${count}`);
});

interface Limits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxPerSecond: number;
}

/** A channel with everything that went in and came out of it. */
class World {
  nowUs = 0;
  readonly limits: Limits;
  readonly channel: Channel<Item>;
  readonly kept = new Set<number>();
  readonly pushed: number[] = [];
  readonly read: Item[] = [];
  /** How many had been pushed when each was read. */
  readonly readAt: number[] = [];
  readonly #skip: boolean;
  #seq = 0;

  constructor(limits: Limits, skip: boolean) {
    this.limits = limits;
    this.channel = newChannel(limits.maxEvents, limits);
    this.#skip = skip;
  }

  push(count: number, keptOfTen: number): void {
    for (let i = 0; i < count; i++) {
      this.#seq += this.#skip && this.#seq % 3 === 0 ? 2 : 1;
      const seq = this.#seq;
      const isKept = (seq * 7 + i) % 10 < keptOfTen;
      this.pushed.push(seq);
      if (isKept) this.kept.add(seq);
      this.channel.push(seq, seq, timeOf(seq), !isKept, (seq * 31) % 200);
      this.checkBounds();
    }
  }

  take(count: number): void {
    for (let i = 0; i < count; i++) {
      const item = this.channel.take(this.nowUs);
      if (item === undefined) return;
      this.read.push(item);
      this.readAt.push(this.pushed.length);
    }
  }

  checkBounds(): void {
    const { bytes, length, gaps, taken, dropped } = this.channel;
    assert.ok(bytes <= this.limits.maxBytes && bytes >= 0);
    assert.ok(length <= Math.max(this.limits.maxEvents, this.kept.size), `${length} wait`);
    assert.ok(gaps <= length + 1, `${gaps} gaps wait`);
    assert.equal(taken + length + dropped.buffer_full + dropped.rate_limit, this.pushed.length);
  }

  finish() {
    const { channel, read } = this;
    channel.end();
    read.push(...drain(channel, this.nowUs));
    assert.deepEqual([channel.length, channel.bytes, channel.gaps], [0, 0, 0]);
    checkReading(read, this.pushed, this.readAt);
    const gaps = read.filter((item) => typeof item === 'object');
    const delivered = new Set(read.filter((item) => typeof item === 'number'));
    assert.equal(delivered.size, channel.taken);
    const lost = gaps.reduce((sum, gap) => sum + gap.dropped, 0);
    const { buffer_full, rate_limit } = channel.dropped;
    assert.equal(lost, buffer_full + rate_limit);
    const keptLost = [...this.kept].filter((seq) => !delivered.has(seq)).length;
    if (this.limits.maxBytes === 1e9) assert.equal(keptLost, 0, 'lost for the count');
    if (this.limits.maxPerSecond === 0) assert.equal(rate_limit, 0);
    return { gaps: gaps.length, rateLimited: rate_limit, keptLost };
  }
}

/**
 * Every pushed seq is delivered or in exactly one gap, in order. Two gaps only touch where the run
 * went on after the first had been read.
 */
function checkReading(
  read: readonly Item[],
  pushed: readonly number[],
  readAt: readonly number[],
): void {
  let next = 0;
  for (const [i, item] of read.entries()) {
    if (typeof item === 'number') {
      assert.equal(item, pushed[next], 'the next event in order');
      next++;
      continue;
    }
    assert.ok(item.dropped > 0);
    if (typeof read[i - 1] === 'object') assert.notEqual(readAt[i - 1], readAt[i], 'one gap a run');
    assert.equal(item.firstSeq, pushed[next]);
    assert.equal(item.sinceUs, timeOf(item.firstSeq));
    next += item.dropped;
    assert.equal(item.lastSeq, pushed[next - 1]);
    assert.equal(item.untilUs, timeOf(item.lastSeq));
  }
  assert.equal(next, pushed.length, 'all are accounted for');
}
