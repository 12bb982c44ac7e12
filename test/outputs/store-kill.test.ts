import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { postgresServer } from '../postgres.ts';
import { init, open, reach, scratch, settingsFor, until } from './store-bed.ts';

const childFile = fileURLToPath(new URL('./store-child.js', import.meta.url));
/** STORE_KILLS=200 for a long look. */
const kills = Number(process.env['STORE_KILLS'] ?? 15);

test('an agent is killed at any moment, and started again: each result that it had written is there once', async (t) => {
  const server = await postgresServer();
  t.after(() => server.close());
  await init(server);
  const settings = settingsFor(scratch(t), reach(server), { batch: 60, exportIntervalMs: 100 });
  const written: (readonly [from: number, to: number])[] = [];
  for (let life = 0; life < kills; life++) {
    const first = life * 1_000_000;
    const argv = [childFile, JSON.stringify(settings), `${first}`];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    let last = first - 1;
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('written ')) last = Number(line.slice('written '.length));
      else if (!line.startsWith('view ')) said.push(line);
    });
    const closed = once(child, 'close');
    await until('it has it open', () => said.length > 0);
    assert.equal(said[0], 'open', 'the one before it has let go');
    await sleep(Math.random() * 400);
    child.kill('SIGKILL');
    await closed;
    written.push([first, last]);
  }
  const { store } = await open(t, settings);
  await until('nothing waits', () => store.view.waiting === 0);
  const [sums] = await server.sql(
    `SELECT count(*)::int AS rows, count(DISTINCT id)::int AS keys,
      count(DISTINCT details ->> 'attempts')::int AS numbers FROM unitwatch.results`,
  );
  assert.ok(Number(sums?.['rows']) > 0);
  assert.equal(sums?.['keys'], sums?.['rows'], 'by key');
  assert.equal(sums?.['numbers'], sums?.['rows'], 'by what is in them');
  for (const [from, to] of written) {
    const sql = `SELECT count(*)::int AS rows FROM unitwatch.results
      WHERE (details ->> 'attempts')::int BETWEEN $1 AND $2`;
    const [there] = await server.sql(sql, [from, to]);
    assert.equal(there?.['rows'], to - from + 1, `of life ${from / 1_000_000}`);
  }
  t.diagnostic(`${kills} kills, ${sums?.['rows']} rows`);
});
