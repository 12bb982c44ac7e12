import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StoredKind } from '../../src/model/store.ts';
import type { Row } from '../../src/outputs/store/contract.ts';
import { LocalStore } from '../../src/outputs/store/local-store.ts';
import { RowQueue } from '../../src/outputs/store/row-queue.ts';

/** Each run has a random seed; STORE_RUNS=10000 for a long look. */
const runs = Number(process.env['STORE_RUNS'] ?? 200);

const kinds = fc.constantFrom<StoredKind>('result', 'event');

test('in memory: what was given is written, waits or was dropped; the oldest results go first', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), kind: kinds, size: fc.nat(40) }),
    fc.record({
      do: fc.constant('take' as const),
      max: fc.integer({ min: 1, max: 8 }),
      bytes: fc.integer({ min: 1, max: 200 }),
    }),
    fc.record({ do: fc.constant('settle' as const) }),
  );
  const property = fc.property(
    fc.array(step, { maxLength: 200 }),
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 40, max: 300 }),
    (steps, rows, bytes) => {
      const queue = new RowQueue({ rows, bytes });
      let pushed = 0;
      let written = 0;
      let dropped = 0;
      let taken: readonly Row[] = [];
      const order: number[] = [];
      const waiting = new Set<number>();
      for (const one of steps) {
        if (one.do === 'push') {
          waiting.add(pushed);
          const row = { kind: one.kind, atUs: pushed++, body: 'x'.repeat(one.size) };
          dropped += queue.push(row);
        } else if (one.do === 'take') {
          const again = queue.take(one.max, one.bytes);
          if (taken.length > 0) assert.equal(again, taken);
          else assert.ok(again.length < 2 || sizeOf(again) <= one.bytes);
          taken = again;
        } else {
          queue.settle();
          written += taken.length;
          order.push(...taken.map((row) => row.atUs));
          taken = [];
        }
        assert.equal(pushed, written + queue.length + dropped);
        // What is being written cannot be dropped, and may alone be more than the limit.
        assert.ok(queue.length <= Math.max(rows, taken.length));
      }
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
        'written in the order given',
      );
      assert.equal(new Set(order).size, order.length, 'nothing twice');
    },
  );
  fc.assert(property, { numRuns: runs * 5 });
});

function sizeOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { body }) => sum + body.length, 0);
}

test('in memory: an event outlives every result', () => {
  const queue = new RowQueue({ rows: 3, bytes: 1_000 });
  const row = (kind: StoredKind, atUs: number): Row => ({ kind, atUs, body: '{}' });
  queue.push(row('event', 0));
  for (let n = 1; n <= 5; n++) queue.push(row('result', n));
  assert.deepEqual(
    queue.take(10, 1_000).map(({ atUs }) => atUs),
    [0, 4, 5],
  );
});

test('on disk: written = exported + waiting + lost, after every step and every opening', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('append' as const), rows: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constant('next' as const), rows: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ do: fc.constant('settle' as const), reject: fc.nat(3) }),
    fc.record({ do: fc.constant('collect' as const) }),
    fc.record({ do: fc.constant('wait' as const), us: fc.nat(3_000) }),
    fc.record({ do: fc.constant('reopen' as const) }),
  );
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 60 }),
    fc.integer({ min: 60_000, max: 120_000 }),
    async (steps, maxBytes) => {
      const folder = await mkdtemp(join(tmpdir(), 'unitwatch-store-'));
      const settings = { path: join(folder, 's.db'), maxBytes, maxAgeUs: 4_000 };
      let store = await LocalStore.open(settings, 0);
      try {
        const books = new Books();
        for (const one of steps) {
          if (one.do === 'reopen') {
            store.close();
            books.closed();
            store = await LocalStore.open(settings, 0);
          } else books.apply(store, one);
          books.check(store);
        }
      } finally {
        store.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
  await fc.assert(property, { numRuns: runs });
});

type Step =
  | { do: 'append' | 'next'; rows: number }
  | { do: 'settle'; reject: number }
  | { do: 'collect' }
  | { do: 'wait'; us: number };

/** Counts beside the store what must come out. */
class Books {
  #now = 1_000_000;
  #written = 0;
  /** What is in PostgreSQL, or was refused by it. */
  readonly #settled = new Set<number>();
  #lostBefore = 0;
  #last = { lostSize: 0, lostAge: 0 };
  #handed: readonly number[] = [];
  #number = 0;

  apply(store: LocalStore, step: Step): void {
    switch (step.do) {
      case 'append': {
        const rows = Array.from({ length: step.rows }, () => ({
          kind: 'result' as const,
          atUs: this.#now,
          body: JSON.stringify({ n: this.#number++, text: 'x'.repeat(200) }),
        }));
        store.append(rows, this.#now);
        this.#written += rows.length;
        break;
      }
      case 'next':
        this.#handed = store.next(step.rows, 4_000).rows.map(({ seq }) => seq);
        break;
      case 'settle': {
        const last = this.#handed.at(-1);
        if (last === undefined) break;
        const rejected = this.#handed.slice(0, step.reject);
        const fresh = this.#handed.filter((seq) => !this.#settled.has(seq));
        const told = store.settle(
          last,
          rejected.map((seq) => ({ seq, reason: 'no' })),
          this.#now,
        );
        assert.equal(
          told.exported + told.rejected,
          fresh.length,
          'none of them was lost meanwhile',
        );
        assert.equal(told.rejected, Math.min(rejected.length, fresh.length));
        for (const seq of fresh) this.#settled.add(seq);
        this.#handed = [];
        break;
      }
      case 'collect':
        store.collect(this.#now);
        break;
      case 'wait':
        this.#now += step.us;
    }
  }

  /** Its counts begin anew in the next life; what was handed out is handed out again there. */
  closed(): void {
    this.#lostBefore += this.#last.lostSize + this.#last.lostAge;
    this.#last = { lostSize: 0, lostAge: 0 };
    this.#handed = [];
  }

  check(store: LocalStore): void {
    const { waiting, lostSize, lostAge } = store.figures();
    this.#last = { lostSize, lostAge };
    const lost = this.#lostBefore + lostSize + lostAge;
    assert.equal(this.#written, this.#settled.size + waiting + lost);
  }
}
