import { busAddress, busTargets } from '../src/collector/address.ts';
import { BusError } from '../src/collector/bus.ts';
import { readSnapshot } from '../src/collector/dependencies.ts';
import { DependencyGraph } from '../src/deps/graph.ts';
import { majorVersion, rulesOf } from '../src/deps/versions.ts';
import type { CommandIo } from './io.ts';

/** A graph, or one sentence that says why there is none and what to do. */
export type Read = { readonly graph: DependencyGraph } | { readonly wrong: string };

/** Builds the graph of all units that a systemd has loaded: `system`, `user` or a bus address. */
export async function readGraph(bus: string, io: CommandIo): Promise<Read> {
  const uid = process.getuid?.() ?? 0;
  let wrong = '';
  try {
    for (const target of busTargets(busAddress(bus, { ...io.env, uid }))) {
      try {
        const { version, units } = await readSnapshot(target, uid);
        const graph = new DependencyGraph(rulesOf(majorVersion(version)));
        graph.replaceAll(units);
        return { graph };
      } catch (error) {
        if (!(error instanceof BusError)) throw error;
        wrong = error.message;
      }
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    wrong = error.message;
  }
  return { wrong };
}
