import { phaseOf } from '../model/unit.ts';
import { type JobEnd, settleMs, type UnitControl, type UnitVerb } from '../model/unit-control.ts';
import type { Stepped } from './steps.ts';

type Units = Pick<UnitControl, 'status' | 'startUnit' | 'stopUnit' | 'restartUnit'>;

/** Asks systemd, and says how the unit stands when its job is over. */
export async function controlUnit(
  verb: UnitVerb,
  unit: string,
  limitMs: number,
  units: Units,
  sleep: (ms: number) => Promise<unknown>,
): Promise<Stepped> {
  const before = await units.status(unit);
  const phase = before && phaseOf(before.state);
  if (verb === 'start' && phase === 'up') return skipped('already runs');
  if (verb === 'stop' && (phase === 'down' || phase === 'failed')) return skipped('does not run');
  const end = await units[`${verb}Unit`](unit, limitMs);
  if (end.result !== 'done') return unended(end);
  if (verb === 'stop') return said('stopped');
  await sleep(settleMs);
  const after = await units.status(unit);
  if (after === undefined)
    return {
      outcome: 'lost',
      words: `its ${verb} was done, and then systemd could not be asked how it is`,
      output: [],
    };
  switch (phaseOf(after.state)) {
    case 'waiting':
    case 'failed':
      return {
        outcome: 'failed',
        words: `it ended at once (${after.state.result})`,
        output: [],
      };
    case 'down':
      return said('has run, and has ended well');
    default:
      return said('runs');
  }
}

function said(words: string): Stepped {
  return { outcome: 'ok', words, output: [] };
}

function skipped(words: string): Stepped {
  return { outcome: 'skipped', words, output: [] };
}

function unended({ result, reason }: JobEnd): Stepped {
  const words = reason || `its job ended with "${result}"`;
  switch (result) {
    case 'refused':
    case 'lost':
    case 'timeout':
      return { outcome: result, words, output: [] };
    case 'late':
      return { outcome: 'timeout', words, output: [] };
    default:
      return { outcome: 'failed', words, output: [] };
  }
}
