import { engineLimits } from './engine-contract.ts';
import { advance } from './engine-repair.ts';
import type { Core, Thing } from './engine-state.ts';

/** In order, and where there are many, from where the last turn has ended. */
export function lookAtSome(core: Core): void {
  core.left = Math.min(core.left, core.things.size);
  if (core.things.size <= engineLimits.turn) core.sweep = undefined;
  const most = Math.min(core.left, engineLimits.turn);
  for (let count = 0; count < most; count++) {
    core.sweep ??= core.things.values();
    const next = core.sweep.next();
    if (next.done === true) {
      core.sweep = undefined;
      continue;
    }
    advance(core, next.value);
    prune(core, next.value);
  }
  core.left -= most;
}

/** Forgets what nobody complains about, when its breaker and its last restart are old. */
function prune(core: Core, thing: Thing): void {
  const { monoUs } = core.now;
  if (thing.repair !== undefined || thing.alarms.size > 0) return;
  const { breaker } = thing;
  const remembered = core.things.size > engineLimits.things ? 0 : engineLimits.breakerMemoryUs;
  const settings = core.rules.process(thing.process)?.settings;
  const never = Number.NEGATIVE_INFINITY;
  const delayUs = (settings?.restartDelayMs ?? 0) * 1_000;
  const recentUs =
    Math.max(thing.lastRestartUs ?? never, thing.wellUs ?? never) +
    Math.max(delayUs, engineLimits.restartMemoryUs);
  if (breaker.failures > 0 && breaker.failedUs + remembered > monoUs) return;
  if (thing.coolUntilUs > monoUs || recentUs > monoUs) return;
  core.things.delete(thing.key);
  core.dirty = true;
}
