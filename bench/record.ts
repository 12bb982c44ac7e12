import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { busTargets } from '../src/collector/address.ts';
import { connectBus } from '../src/collector/bus.ts';
import { matchRules } from '../src/collector/signals.ts';
import { systemdManager } from '../src/collector/systemd.ts';
import type { ThrowAwaySystemd } from '../src/demo/boot.ts';
import { insideArgv, insideEnvironment } from '../src/demo/inside.ts';
import { crashLoopUnit, manyUnits, sleep, startAtOnce, withBed } from '../test/bed.ts';
import { liveAll, lives } from './lives.ts';

/*
 * Records the captures that tests and benches replay: what `dbus-monitor --binary` writes with the
 * match rules of the agent, gzipped. Needs root; takes half a minute.
 *
 *     npm run build && node dist/bench/record.js [storm|life]
 */

/** Runs `work` and answers with all messages that went over the bus meanwhile. */
async function recorded(bed: ThrowAwaySystemd, work: () => Promise<void>): Promise<Buffer> {
  const target = busTargets(bed.busAddress)[0];
  if (target === undefined) throw new Error(`no bus address: ${bed.busAddress}`);
  const bus = await connectBus(target, { callsTimedOut: 0, callsFailed: 0 });
  // systemd sends signals only while somebody has asked for them; dbus-monitor does not.
  await systemdManager(bus).subscribe();
  const argv = insideArgv(bed.pid, ['dbus-monitor', '--system', '--binary', ...matchRules]);
  const monitor = spawn(argv[0] ?? '', argv.slice(1), {
    detached: true,
    env: insideEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  monitor.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Its first bytes are its own NameAcquired: from then on it listens.
  await once(monitor.stdout, 'data');
  await sleep(200);
  await work();
  // The group, since nsenter's child would outlive it.
  if (monitor.pid !== undefined) process.kill(-monitor.pid, 'SIGTERM');
  await once(monitor, 'close');
  bus.close();
  return Buffer.concat(chunks);
}

const captures = {
  /** 30 units that crash as fast as their RestartSec lets them. */
  storm: () =>
    withBed({}, (bed) =>
      recorded(bed, async () => {
        const unit = crashLoopUnit({ restartSec: '100ms', exitCode: 3 });
        await startAtOnce(bed, manyUnits('storm', 30, unit));
        await sleep(4_000);
      }),
    ),
  /** Each sort of life and death that a unit can have, one after the other. */
  life: () =>
    withBed({ units: lives, cgroupV2Only: true }, (bed) => recorded(bed, () => liveAll(bed))),
} as const;

for (const [name, capture] of Object.entries(captures)) {
  const wanted = process.argv[2];
  if (wanted !== undefined && wanted !== name) continue;
  const bytes = await capture();
  const packed = gzipSync(bytes, { level: 9 });
  writeFileSync(`test/fixtures/${name}.dbus.gz`, packed);
  process.stderr.write(`${name}: ${bytes.length} bytes, ${packed.length} packed\n`);
}
