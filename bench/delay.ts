import { createInterface } from 'node:readline';
import { idleUnit, manyUnits, sleep, startUnits, withBed } from '../test/bed.ts';
import { quantile, startAgent } from './process.ts';
import type { Row } from './row.ts';

/** Services that do nothing while others are restarted among them. */
const idle = 1_000;

/**
 * From systemd's own timestamp to the line read from standard output, with 1,000 services watched:
 * one service after another is restarted, and the clock is read when its event's line arrives.
 */
export async function bench(restarts = 200): Promise<Row[]> {
  return withBed({}, async (bed) => {
    const units = manyUnits('idle', idle, idleUnit());
    await startUnits(bed, units);
    const agent = await startAgent(bed.busAddress, 'pipe');
    const delays: number[] = [];
    if (agent.child.stdout) {
      createInterface(agent.child.stdout).on('line', (line) => {
        const nowMs = performance.timeOrigin + performance.now();
        const event = JSON.parse(line) as { event_type: string; time: string; resync?: boolean };
        if (!['stopped', 'restarted', 'started'].includes(event.event_type) || event.resync) return;
        const micros = Number(event.time.slice(20, 26));
        delays.push(nowMs - (Date.parse(`${event.time.slice(0, 19)}Z`) + micros / 1_000));
      });
    }
    const names = Object.keys(units);
    for (let i = 0; i < restarts; i++) {
      await bed.systemctl('restart', names[(i * 7) % names.length] ?? '');
      await sleep(20);
    }
    await agent.stop();
    const note = `${delays.length} events, 1,000 services`;
    return [
      {
        name: 'delay: median',
        value: quantile(delays, 0.5),
        unit: 'ms',
        note: `${note}; goal 5, then 1`,
      },
      {
        name: 'delay: p99',
        value: quantile(delays, 0.99),
        unit: 'ms',
        note: `${note}; goal 50, then 10`,
      },
    ];
  });
}
