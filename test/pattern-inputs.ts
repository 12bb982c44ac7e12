import type { Finding } from '../src/model/finding.ts';
import type { ResourceSample } from '../src/model/resource.ts';
import type { EndReason, Transition, TransitionKind } from '../src/model/transition.ts';
import { detectors } from '../src/patterns/detectors.ts';
import { PatternRunner } from '../src/patterns/runner.ts';
import { defaultSettings, type PatternSettings } from '../src/patterns/settings.ts';

export const second = 1e6;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;
/** Monday, 2 March 2026, 00:00 UTC. */
export const mondayUs = Date.UTC(2026, 2, 2) * 1000;
export const unit = 'web.service';

/** A transition of web.service, `at` microseconds after that Monday began. */
export function transition(
  kind: TransitionKind,
  at: number,
  more: Partial<Transition> & { readonly reason?: EndReason } = {},
): Transition {
  const { reason, ...rest } = more;
  return {
    kind,
    unit,
    timeUs: mondayUs + at,
    count: 1,
    inferred: false,
    resync: false,
    invocation: '',
    pid: 1,
    nRestarts: 0,
    ...(reason !== undefined && { ending: { reason, result: reason, coreDump: false } }),
    ...rest,
  };
}

/** One automatic restart: it dies after a run of `uptimeUs`, and runs again 0.1 s later. */
export function crash(at: number, uptimeUs: number, reason: EndReason = 'exit-code'): Transition[] {
  const cause = 'automatic';
  return [
    transition('exited', at, { uptimeUs, reason }),
    transition('restarting', at + 1e5, { cause, reason }),
    transition('restarted', at + 1.1e5, { cause, reason }),
  ];
}

export function sample(
  at: number,
  anonBytes: number,
  more: Partial<ResourceSample> = {},
): ResourceSample {
  return {
    service: unit,
    invocation: 'a',
    timeUs: mondayUs + at,
    anonBytes,
    source: 'cgroup',
    ...more,
  };
}

export function newRunner(settings: Partial<PatternSettings> = {}): PatternRunner {
  return new PatternRunner({ settings: { ...defaultSettings, ...settings }, detectors });
}

/** Plays transitions and samples in order, with the ticks between, up to `untilUs` after Monday. */
export function play(
  runner: PatternRunner,
  inputs: Iterable<Transition | ResourceSample>,
  until = 0,
): Finding[] {
  const findings: Finding[] = [];
  const pass = (timeUs: number) => {
    while (runner.nextDeadlineUs <= timeUs) findings.push(...runner.tick(runner.nextDeadlineUs));
  };
  for (const input of inputs) {
    pass(input.timeUs);
    findings.push(...('kind' in input ? runner.transition(input) : runner.sample(input)));
  }
  pass(mondayUs + until);
  return findings;
}

/** `opened crash_loop loop` for each finding: what a table of expectations is written in. */
export function told(findings: readonly Finding[]): string[] {
  return findings.map(({ phase, pattern, evidence }) =>
    `${phase} ${pattern} ${evidence['kind'] ?? ''}`.trim(),
  );
}
