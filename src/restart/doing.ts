import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckView } from '../model/check.ts';
import type { Alarm } from '../model/repair.ts';
import type { Clock } from '../model/time.ts';
import { limited } from './answers.ts';
import { checksUp } from './checks-up.ts';
import { type AlarmSource, type Effects, SourceError } from './contract.ts';
import type { Action, Answer, HookCall } from './engine-contract.ts';

export interface DoingOptions {
  readonly sources: readonly AlarmSource[];
  readonly effects: Effects;
  /** The checks that look at one of these processes, looked at now. */
  readonly look: (processes: readonly string[]) => Promise<readonly CheckView[]>;
  /** Those of these processes whose checks are down. */
  readonly down: (processes: readonly string[]) => readonly string[];
  /** Calls a hook; undefined where none is configured. */
  readonly hook: ((call: HookCall) => Promise<Answer>) | undefined;
  readonly clock: Clock;
}

/** Does what the engine wants. @throws Error with a sentence where a source cannot do its part */
export async function doAction(action: Action, options: DoingOptions): Promise<Answer> {
  const { effects, hook, sources } = options;
  switch (action.kind) {
    case 'claim': {
      const taken = await limited(sourceOf(sources, action.alarm).claim(action.alarm));
      return { outcome: taken ? 'ok' : 'refused', reason: '' };
    }
    case 'settle':
      await limited(sourceOf(sources, action.alarm).settle(action.alarm, action.ending));
      return { outcome: 'ok', reason: '' };
    case 'resolve': {
      const strategy = await effects.resolve(action.process, action.settings);
      return { outcome: 'ok', reason: '', strategy };
    }
    case 'pre_restart_command':
      return effects.preRestart(action.process, action.settings);
    case 'restart':
      return effects.restart(action.process, action.strategy, action.settings);
    case 'health_check':
      return health(action, options);
    case 'hook':
      return hook === undefined ? { outcome: 'skipped', reason: '' } : hook(action.call);
  }
}

/** What the strategy says of it, and then what the checks say that asked for its repair. */
async function health(
  { process, settings, checked }: Extract<Action, { kind: 'health_check' }>,
  { effects, look, down, clock }: DoingOptions,
): Promise<Answer> {
  const done = await effects.health(process, settings);
  const passed = done.outcome === 'ok' || done.outcome === 'skipped';
  if (!passed || checked.length === 0) return done;
  return checksUp(checked, settings.healthTimeoutMs, {
    look,
    down,
    sleep: (ms) => sleep(ms, undefined, { ref: false }),
    nowMs: () => clock.monotonicUs() / 1_000,
  });
}

function sourceOf(sources: readonly AlarmSource[], { source }: Alarm): AlarmSource {
  const known = sources.find(({ name }) => name === source);
  if (known === undefined) throw new SourceError('down', 'its source is no longer configured');
  return known;
}
