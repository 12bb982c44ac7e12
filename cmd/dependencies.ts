import { busAddress, busTargets } from '../src/collector/address.ts';
import { BusError } from '../src/collector/bus.ts';
import { readSnapshot } from '../src/collector/dependencies.ts';
import { loadConfig } from '../src/config/load.ts';
import { DependencyGraph } from '../src/deps/graph.ts';
import { majorVersion, rulesOf } from '../src/deps/versions.ts';
import { ask } from './api-client.ts';
import type { CommandIo } from './io.ts';

/** A graph, or one sentence that says why there is none and what to do. */
export type Read = { readonly graph: DependencyGraph } | { readonly wrong: string };

/** Where the answer comes from: the agent that the configuration describes, or a bus. */
export interface Source {
  /** `system`, `user` or a bus address: build the graph from it, and ask no agent. */
  readonly bus: string | undefined;
  /** Configuration file; undefined for the usual one. */
  readonly config: string | undefined;
}

/** What the agent said, or that the graph has to be built: from `bus`. */
export type Asked<T> = { readonly told: T } | { readonly bus: string } | { readonly wrong: string };

/** An agent on this host answers in milliseconds; one that does not is busy or hangs. */
const agentMs = 2_000;
/** 100,000 units with long ways to each are below that. */
const answerBytes = 67_108_864;

/**
 * Asks the running agent, at the address that the configuration has as `listen`. Where nobody listens
 * there, or it does not know, the graph is to be built from the bus that the configuration names.
 * @param read takes the answer; undefined where it is none of an agent's
 */
export async function askAgent<T>(
  source: Source,
  io: CommandIo,
  page: string,
  asked: Readonly<Record<string, string>>,
  read: (body: string) => T | undefined,
): Promise<Asked<T>> {
  if (source.bus !== undefined) return { bus: source.bus };
  const loaded = await loadConfig({ file: source.config, env: io.env });
  if ('faults' in loaded) return { wrong: loaded.faults.join('\n') };
  const { listen, bus } = loaded.config;
  if (listen === 'off') return { bus };
  const path = `${page}?${new URLSearchParams(asked)}`;
  const answer = await ask(listen, { path, limitMs: agentMs, bytes: answerBytes });
  const told = 'body' in answer && answer.status === 200 ? read(answer.body) : undefined;
  return told === undefined ? { bus } : { told };
}

/** Builds the graph of all units that a systemd has loaded: `system`, `user` or a bus address. */
export async function readGraph(bus: string, io: CommandIo): Promise<Read> {
  if (bus === 'off') return { wrong: '`bus` is off: name the bus of a systemd with --bus.' };
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
