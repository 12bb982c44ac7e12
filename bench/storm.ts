import { spawn } from 'node:child_process';
import { crashLoopUnit, manyUnits, sleep, startAtOnce, withBed } from '../test/bed.ts';
import { cpuSeconds, startAgent } from './process.ts';
import type { Row } from './row.ts';

/** The same signals as the agent's match rules let through. */
const rules = [
  "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
  "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager'",
];

/**
 * CPU a signal while 300 units crash at once, against `dbus-monitor --binary` (C) on the same bus at
 * the same time. Start-up is left out of both.
 */
export async function bench(seconds = 20): Promise<Row[]> {
  return withBed({}, async (bed) => {
    const agent = await startAgent(bed.busAddress, 'ignore');
    const monitor = spawn('dbus-monitor', ['--binary', '--address', bed.busAddress, ...rules], {
      stdio: 'ignore',
    });
    try {
      await startAtOnce(bed, manyUnits('crash', 300, crashLoopUnit({ restartSec: '400ms' })));
      await sleep(4_000);
      const pids = [agent.pid, monitor.pid ?? 0] as const;
      const signals = await agent.metric('unitwatch_dbus_signals_received_total');
      const before = pids.map((pid) => cpuSeconds(pid));
      await sleep(seconds * 1_000);
      const after = pids.map((pid) => cpuSeconds(pid));
      const count = (await agent.metric('unitwatch_dbus_signals_received_total')) - signals;
      const [ours = 0, theirs = 0] = after.map((s, i) => ((s - (before[i] ?? 0)) * 1e6) / count);
      return [
        { name: 'storm: signals', value: count / seconds, unit: '/s', note: '300 units' },
        { name: 'storm: CPU a signal, unitwatch', value: ours, unit: 'µs' },
        { name: 'storm: CPU a signal, dbus-monitor --binary', value: theirs, unit: 'µs' },
        {
          name: 'storm: unitwatch / dbus-monitor',
          value: ours / theirs,
          unit: '×',
          note: 'goal 0.5 first, 0.2 then',
        },
      ];
    } finally {
      monitor.kill();
      await agent.stop();
    }
  });
}
