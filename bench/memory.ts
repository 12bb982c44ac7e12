import { idleUnit, manyUnits, sleep, startUnits, withBed } from '../test/bed.ts';
import { rootsOf, rssAnonMb, startAgent } from './process.ts';
import type { Row } from './row.ts';

/**
 * Private anonymous memory of the running agent at 0, 100 and 1,000 services, after every
 * service has been restarted once, what they use has been read once (30 s), and one scrape.
 */
export async function bench(counts: readonly number[] = [0, 100, 1_000]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) {
    rows.push({
      name: `memory: RssAnon at ${count} services`,
      value: await measure(count),
      unit: 'MB',
      ...(count === 0 && { note: 'goal 20, then 14' }),
    });
  }
  const [first, last] = [rows[0], rows.at(-1)];
  const [few = 0, many = 0] = [counts[0], counts.at(-1)];
  if (first && last && many > few) {
    rows.push({
      name: 'memory: for each service more',
      value: ((last.value - first.value) * 1e3) / (many - few),
      unit: 'KB',
      note: 'goal 10, then 2',
    });
  }
  return rows;
}

async function measure(count: number): Promise<number> {
  return withBed({}, async (bed) => {
    const units = manyUnits('idle', count, idleUnit());
    if (count > 0) await startUnits(bed, units);
    const filter: Record<string, string> =
      count === 0
        ? { UNITWATCH_SERVICE_BLACKLIST: '*' }
        : { UNITWATCH_SERVICE_WHITELIST: 'idle-*' };
    const agent = await startAgent(bed.busAddress, 'ignore', { ...filter, ...rootsOf(bed) });
    if (count > 0) await bed.systemctl('restart', 'idle-*.service');
    await sleep(35_000);
    await agent.metric('unitwatch_services_monitored');
    await sleep(1_000);
    const used = rssAnonMb(agent.pid);
    await agent.stop();
    return used;
  });
}
