import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keysOf } from '../../src/config/key.ts';
import { keys } from '../../src/config/keys.ts';
import { storeSettings } from '../../src/config/store-settings.ts';
import { lossReasons } from '../../src/model/store.ts';
import {
  type PostgresSettings,
  targetOf,
  tlsModes,
} from '../../src/outputs/store/postgres-target.ts';
import { cleanJson, resultRow } from '../../src/outputs/store/row.ts';
import { RowKeys } from '../../src/outputs/store/row-key.ts';
import { keepChoices } from '../../src/outputs/store/store.ts';
import { storeMetrics } from '../../src/outputs/store-metrics.ts';
import { configOf } from '../config/reading.ts';
import { probe } from './store-bed.ts';

test('keys are UUIDs of version 7: unique, and in the order in which they were made', () => {
  const one = new RowKeys(Buffer.alloc(16, 0xab));
  const other = new RowKeys(Buffer.alloc(16, 0xba));
  const made: string[] = [];
  // A clock that stands, steps back, and is wrong.
  for (const us of [5e15, 5e15, 4e15, 0, -1, 1e300]) made.push(one.next(us), other.next(us));
  for (const key of made) {
    assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.equal(new Set(made).size, made.length);
  const sorted = Array.from({ length: 1_000 }, (_, n) => one.next(1.7e15 + Math.floor(n / 100)));
  assert.deepEqual(sorted, [...sorted].sort());
});

test('no text makes JSON that jsonb does not take, and none that it does take is changed', () => {
  const text = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((u) => String.fromCharCode(u)),
  });
  fc.assert(
    fc.property(
      fc.oneof(text, fc.string(), fc.constantFrom('\\u0000', '\\\0', '\\\\ud800')),
      (given) => {
        const json = cleanJson(JSON.stringify({ [given]: given }));
        const back: Record<string, string> = JSON.parse(json);
        const want = given.replaceAll('\0', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');
        assert.deepEqual(back, { [want]: want });
      },
    ),
    { numRuns: 5_000 },
  );
});

test('whatever a probe says, its row is JSON, and short enough', () => {
  fc.assert(
    fc.property(fc.string(), fc.double(), (text, number) => {
      const numbers = { timeUs: number, durationSeconds: number, status: number };
      const more = { attempts: number, redirects: number, phaseSeconds: { connect: number } };
      const texts = { name: text, reason: text, address: text };
      const result = probe(1, { ...texts, ...numbers, ...more });
      const { body } = resultRow(result, 'key', text, 1);
      assert.ok(body.length < 8_000);
      const row: Record<string, unknown> = JSON.parse(body);
      assert.match(String(row['time']), /^\d{4}-.*Z$/);
      assert.ok(row['status'] === undefined || Number.isInteger(row['status']));
    }),
  );
});

const plain: PostgresSettings = {
  ...{ url: undefined, host: undefined, port: 5432, user: 'unitwatch', password: undefined },
  ...{ database: 'unitwatch', tls: 'preferred', ca: undefined, connectTimeoutMs: 1 },
  ...{ queryTimeoutMs: 1, lockTimeoutMs: 1 },
};

test('a URL says where PostgreSQL is', () => {
  for (const [url, want] of [
    [
      'postgres://a%40b:p%2Fw@db:1234/x?sslmode=verify-full',
      ['db', 1234, 'a@b', 'p/w', 'x', 'verify'],
    ],
    ['postgresql://db', ['db', 5432, 'unitwatch', '', 'unitwatch', 'preferred']],
    ['postgres://[::1]/x?sslmode=disable', ['::1', 5432, 'unitwatch', '', 'x', 'off']],
    [
      'postgres:///x?host=/run/postgresql',
      ['/run/postgresql', 5432, 'unitwatch', '', 'x', 'preferred'],
    ],
  ] as const) {
    const { host, port, user, password, database, tls } = targetOf({ ...plain, url });
    assert.deepEqual([host, port, user, password, database, tls], want);
  }
  for (const [given, want] of [
    [{ url: 'secret' }, /is no URL like/],
    [{ url: 'http://secret@db' }, /is no URL like/],
    [{ url: 'postgres://secret@db?sslmode=maybe' }, /unknown sslmode: one of disable, allow/],
    [{ url: 'postgres://secret@db?sslrootcert=x' }, /unknown parameter "sslrootcert"/],
    [{ url: 'postgres://u:secret@db1,db2/x' }, /names several hosts: give the one/],
    [{ url: 'postgres://u:secret@db:0/x' }, /has the port 0/],
    [{ url: 'postgres://secret%zz@db' }, /stands for no character/],
    [{ url: 'postgres://secret@db', host: 'db' }, /both set/],
    [{}, /give store\.postgres\.url or \.host/],
  ] as const) {
    assert.throws(
      () => targetOf({ ...plain, ...given }),
      (error) =>
        error instanceof Error && want.test(error.message) && !/secret/.test(error.message),
    );
  }
});

test('the configuration becomes settings: where the file is, what is forwarded', async () => {
  const yaml = `store:\n  max_size: 3\n  max_age: 2m\n  postgres:\n    host: db\n    password: x\n`;
  const { config } = await configOf(yaml, {}, [], false);
  const user = { env: {}, uid: 1000, home: '/home/u' };
  const settings = await storeSettings(config, user);
  assert.deepEqual(settings.local, {
    ...{ path: '/home/u/.unitwatch/store.db', maxBytes: 3 * 1_048_576, maxAgeUs: 120e6 },
  });
  assert.equal(settings.postgres?.password, 'x');
  const atRoot = await storeSettings(
    { ...config, state_directory: '/var/lib/unitwatch' },
    { ...user, uid: 0 },
  );
  assert.equal(atRoot.local.path, '/var/lib/unitwatch/store.db');
  const { config: none } = await configOf(undefined);
  assert.equal((await storeSettings(none, user)).postgres, undefined);
  const { config: noCa } = await configOf('store:\n  postgres: {host: db, ca_file: /nowhere/ca}\n');
  await assert.rejects(storeSettings(noCa, user), /ca_file: .* cannot be read \(ENOENT\)/);
  const choices = new Map(keysOf(keys).map(([path, key]) => [path, 'values' in key && key.values]));
  assert.deepEqual(choices.get('store.keep'), [...keepChoices]);
  assert.deepEqual(choices.get('store.postgres.tls'), [...tlsModes]);
});

test('each figure of the store is a metric', () => {
  const lost = Object.fromEntries(lossReasons.map((reason, n) => [reason, n]));
  const view = {
    ...{ carried: 1, accepted: { result: 2, event: 3 }, queued: 4, written: 5, waiting: 6 },
    ...{ exported: 7, deleted: 8, lost: { ...zeroLost(), ...lost }, usedBytes: 9, fileBytes: 10 },
    ...{ oldestUs: 11e6, lastExportUs: 12e6, localUp: true, postgresUp: undefined },
  };
  const lines = storeMetrics.flatMap((metric) =>
    metric.samples(view).map(({ labels, value }) => {
      assert.deepEqual(Object.keys(labels), metric.labels);
      const text = Object.entries(labels).map(([name, label]) => `${name}=${label}`);
      return `${metric.name.replace('unitwatch_store_', '')}{${text.join()}} ${value}`;
    }),
  );
  assert.deepEqual(lines, [
    ...['rows_total{kind=result} 2', 'rows_total{kind=event} 3', 'written_total{} 5'],
    ...['exported_total{} 7', 'deleted_total{} 8'],
    ...lossReasons.map((reason, n) => `lost_total{reason=${reason}} ${n}`),
    ...['queue_length{} 4', 'backlog_rows{} 6', 'backlog_oldest_timestamp_seconds{} 11'],
    ...[
      'used_bytes{} 9',
      'file_bytes{} 10',
      'last_export_timestamp_seconds{} 12',
      'up{database=local} 1',
    ],
  ]);
});

function zeroLost() {
  return {
    ...{ memory_full: 0, disk_full: 0, write_failed: 0, size: 0 },
    ...{ age: 0, rejected: 0, damaged: 0, closed: 0 },
  };
}
