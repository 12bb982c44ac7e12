import { before } from '../command/group.ts';
import { type CheckView, isWell } from '../model/check.ts';
import type { Done } from './contract.ts';
import { failed, ok } from './strategies.ts';

/** Between two looks, while a check is up and has not said so often enough. */
const pauseMs = 500;

export interface ChecksUpTools {
  /** The checks that look at one of these processes, looked at now. */
  readonly look: (processes: readonly string[]) => Promise<readonly CheckView[]>;
  /** Names of checks that are told to be down about one of these processes. */
  readonly down: (processes: readonly string[]) => readonly string[];
  readonly sleep: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
}

/**
 * Whether the checks that asked for a repair are up now: each was looked at, and told so as often as
 * `checks.successes` wants. What is in a planned outage is not asked.
 */
export async function checksUp(
  processes: readonly string[],
  limitMs: number,
  { look, down, sleep, nowMs }: ChecksUpTools,
): Promise<Done> {
  const endMs = nowMs() + limitMs;
  for (;;) {
    const views = await before(Math.max(1, endMs - nowMs()), look(processes));
    if (views === undefined)
      return {
        outcome: 'timeout',
        reason: `its checks were not looked at within ${limitMs / 1_000} s`,
      };
    const asked = views.filter(({ outage }) => !outage);
    const bad = asked.find(({ state }) => !isWell(state) && state !== 'degraded');
    if (bad) return failed(sentence(bad));
    const waiting = down(processes).find((name) => asked.some((view) => view.name === name));
    if (waiting === undefined) return ok;
    if (nowMs() + pauseMs > endMs)
      return failed(`the check ${waiting} has not been up often enough`);
    await sleep(pauseMs);
  }
}

function sentence({ name, state, reason }: CheckView): string {
  const words = state.replace('_', ' ');
  return `the check ${name} still says ${words}${reason === '' ? '' : `: ${reason}`}`;
}
