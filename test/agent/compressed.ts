import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Event } from '../../src/model/event.ts';
import type { Pattern } from '../../src/model/finding.ts';
import type { PatternSettings } from '../../src/patterns/settings.ts';
import { until } from '../bed.ts';
import {
  command,
  eventsOf,
  isFinding,
  type RunningAgent,
  startAgent,
  story,
} from './agent-process.ts';

const driver = fileURLToPath(new URL('./compressed-agent.js', import.meta.url));

/** An agent whose detectors live faster, on the services of a bed. */
export function startCompressed(
  bed: ThrowAwaySystemd,
  settings: Partial<PatternSettings>,
  config: readonly string[] = [],
): Promise<RunningAgent> {
  return startAgent({
    bus: bed.busAddress,
    config: [
      'unit_types: [service]',
      'poll_interval: 1s',
      `cgroup_root: ${join(bed.root, 'sys/fs/cgroup')}`,
      `proc_root: ${join(bed.root, 'proc')}`,
      ...config,
      '',
    ].join('\n'),
    wrap: (argv) =>
      argv
        .filter((word) => word !== 'run')
        .flatMap((word) => (word === command ? [driver, JSON.stringify(settings)] : [word])),
  });
}

/** A service that does its work and ends, again and again, until `calmDown` is told its name. */
export function restless(
  name: string,
  work: string,
  lines: { readonly unit?: readonly string[]; readonly service?: readonly string[] } = {},
): string {
  return [
    '[Unit]',
    'StartLimitIntervalSec=0',
    ...(lines.unit ?? []),
    '[Service]',
    `ExecStart=/bin/sh -c '[ ! -e /run/calm-${name} ] || exec sleep infinity; ${work}'`,
    'Restart=always',
    'RestartSec=100ms',
    ...(lines.service ?? []),
    '',
  ].join('\n');
}

/** From its next start on it runs until it is stopped. */
export function calmDown(bed: ThrowAwaySystemd, name: string): void {
  writeFileSync(join(bed.root, 'run', `calm-${name}`), '');
}

export type FindingEvent = Extract<Event, { event_type: Pattern }>;

/** The phases of findings of one pattern about one unit. */
export function findingsOf(agent: RunningAgent, pattern: Pattern, unit: string): FindingEvent[] {
  return eventsOf(agent.events(), pattern, unit);
}

/** Waits for a finding in a phase; fails with all that was found of the unit. */
export async function found(
  agent: RunningAgent,
  pattern: Pattern,
  unit: string,
  phase: 'opened' | 'cleared',
  timeoutMs = 60_000,
): Promise<FindingEvent> {
  const inPhase = () =>
    findingsOf(agent, pattern, unit).find((event) => event.data.phase === phase);
  try {
    await until(`${pattern} of ${unit} ${phase}`, () => inPhase() !== undefined, timeoutMs, 50);
  } catch (error) {
    const told = [...story(agent, unit).slice(-40), ...allFindings(agent, unit)];
    throw new Error(`${error}; told: ${told.join(', ') || 'nothing'}`);
  }
  return inPhase() ?? assert.fail('it was there');
}

/** Every finding told, of one unit or of all, in a line each. */
export function allFindings(agent: RunningAgent, unit?: string): string[] {
  return agent
    .events()
    .filter((event) => isFinding(event) && (unit === undefined || event.service === unit))
    .map((event) => {
      const phase = String(Reflect.get(event.data, 'phase'));
      const evidence = JSON.stringify(Reflect.get(event.data, 'evidence'));
      return `${event.event_type} ${phase}: ${event.message} ${evidence}`;
    });
}
