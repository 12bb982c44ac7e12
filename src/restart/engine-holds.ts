import { type HoldKind, ignoring } from './engine-contract.ts';
import type { Core, Hold, Repair, Thing } from './engine-state.ts';
import { tellStep } from './engine-telling.ts';

/**
 * They come and go with each run of a crash loop, with each alarm of something else: told once, and
 * what they interrupt is not told again.
 */
const passing: ReadonlySet<HoldKind> = new Set(['auto_restart', 'resolving', 'budget']);

/** Told when the reason is another one, not each time that it is found again. */
export function setHold(core: Core, thing: Thing, repair: Repair, hold: Hold): void {
  const known = thing.hold;
  const { kind, reason, untilUs } = hold;
  const sinceUs = known?.kind === kind ? known.sinceUs : core.now.wallUs;
  thing.hold = { kind, reason, untilUs, sinceUs };
  if (hold.kind === 'auto_restart' || hold.kind === 'dependency') thing.judge = true;
  if (known?.kind === kind) return;
  const isPassing = passing.has(kind) || (known !== undefined && passing.has(known.kind));
  if (isPassing && thing.toldHolds.has(kind)) return;
  thing.toldHolds.add(kind);
  const step = ignoring.has(hold.kind) ? 'ignored' : 'waiting';
  const waitUs = untilUs - core.now.monoUs;
  const outcome = step === 'ignored' ? 'skipped' : 'ok';
  tellStep(core, thing, repair, { step, outcome, reason, waitUs });
}

/** Says what would be done, once for as long as the alarms stand. */
export function tellDry(core: Core, thing: Thing, repair: Repair): void {
  if (thing.hold?.kind === 'dry_run') return;
  const reason = 'nothing is done: dry_run is on';
  const hold = { kind: 'dry_run' as const, reason, untilUs: Number.POSITIVE_INFINITY };
  thing.hold = { ...hold, sinceUs: core.now.wallUs };
  const settings = core.rules.process(thing.process)?.settings;
  tellStep(core, thing, repair, { step: 'accepted', outcome: 'ok', dryRun: true });
  const steps = ['pre_restart_command', 'restart', 'health_check'] as const;
  for (const step of steps) {
    if (step === 'pre_restart_command' && settings?.preRestartCommand === undefined) continue;
    tellStep(core, thing, repair, { step, outcome: 'skipped', dryRun: true });
  }
  tellStep(core, thing, repair, { step: 'ignored', outcome: 'skipped', reason, dryRun: true });
}
