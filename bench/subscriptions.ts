import { SubscriptionCore } from '../src/checks/subscriptions/core.ts';
import type { Row } from './row.ts';

/**
 * What a look and its result cost in the state machine, with 1,000 callers and ten subscriptions for
 * each of them over all services: an hour of simulated time, in which one look in twenty sees it down.
 */
export async function bench(minutes = 60): Promise<Row[]> {
  return [300, 3_000].flatMap((services) => costOf(services, minutes));
}

function costOf(services: number, minutes: number): Row[] {
  const core = new SubscriptionCore();
  const startUs = 1_790_000_000e6;
  for (let i = 0; i < services; i++) core.putService(`service ${i}`, undefined, startUs);
  for (let i = 0; i < 10_000; i++) {
    const wants = { pollingUs: (10 + (i % 50)) * 1e6, graceUs: (i % 30) * 1e6 };
    core.subscribe(`service ${i % services}`, `caller ${i % 1_000}`, wants, startUs);
  }
  let [results, told, dues] = [0, 0, 0];
  const endUs = startUs + minutes * 60e6;
  const from = process.hrtime.bigint();
  for (let now = core.next(true); now <= endUs; now = core.next(true)) {
    const due = core.due(now, 1_000);
    dues++;
    told += due.told.length;
    for (const name of due.looks) {
      results++;
      const isDown = (results * 7) % 100 < 5;
      told += core.result(name, isDown ? 'down' : 'up', '', now).told.length;
    }
  }
  const ns = Number(process.hrtime.bigint() - from);
  const note = `1,000 callers, 10,000 subscriptions; ${results} results, ${told} told, ${dues} due`;
  const name = `a look and its result, ${services} services`;
  return [{ name, value: ns / 1e3 / results, unit: 'µs', note }];
}
