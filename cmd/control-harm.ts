import { readImpact, type ToldImpact, toldImpact } from '../src/deps/answers.ts';
import type { Trigger } from '../src/deps/impact.ts';
import { nameOf, type Target, unitOf } from './control-target.ts';
import { askAgent, readGraph, type Source } from './dependencies.ts';
import type { CommandIo } from './io.ts';
import type { Site } from './platform-site.ts';

/** What suffers when something is stopped or restarted. */
export interface Harm {
  /** Running components and units, in the order in which they would have to be stopped. */
  readonly names: readonly string[];
  /** Why it may be more; empty where all is known. */
  readonly doubt: string;
}

/** Components that depend on it and run, and units that systemd stops with it or leaves without it. */
export async function harmOf(
  site: Site,
  target: Target,
  on: Exclude<Trigger, 'crash'>,
  source: Source,
  io: CommandIo,
): Promise<Harm> {
  const views = new Map((await site.checks.checkNow()).map((view) => [view.name, view]));
  const runs = (name: string): boolean =>
    !['missing', 'unknown'].includes(views.get(name)?.state ?? 'missing');
  const components = site.checks.order.sufferers(nameOf(target)).filter(runs);
  const unit = unitOf(target);
  if (unit === undefined) return { names: components, doubt: '' };
  const told = await impactOn(unit, on, source, io);
  if ('wrong' in told) return { names: components, doubt: told.wrong };
  const restarted = on === 'restart' ? told.restarted : [];
  // Those that hang on it by the longest way come first.
  const units = [...told.degraded, ...restarted, ...told.stopped].toSorted(
    (a, b) => b.path.length - a.path.length,
  );
  return { names: [...new Set([...components, ...units.map((one) => one.unit)])], doubt: '' };
}

async function impactOn(
  unit: string,
  on: Trigger,
  source: Source,
  io: CommandIo,
): Promise<ToldImpact | { readonly wrong: string }> {
  const answer = await askAgent(source, io, '/api/impact', { unit, on }, readImpact);
  if ('wrong' in answer) return answer;
  if ('told' in answer) return answer.told;
  const read = await readGraph(answer.bus, io);
  if ('wrong' in read) return read;
  // What systemd has not loaded does not run, and nobody leans on it.
  const none = { unit, on, stopped: [], restarted: [], degraded: [], blocked: [] };
  return toldImpact(read.graph, unit, on) ?? none;
}
