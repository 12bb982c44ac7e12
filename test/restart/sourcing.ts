import type { Alarm } from '../../src/model/repair.ts';
import type { Clock } from '../../src/model/time.ts';
import type { Ending } from '../../src/restart/contract.ts';
import type { Keeper } from '../../src/restart/sources/memory.ts';

/** The machine's clocks. */
export const clock: Clock = {
  realtimeUs: () => Date.now() * 1000,
  monotonicUs: () => performance.now() * 1000,
};

let endings = 0;

/** An ending of its own time, as each repair has. */
export function ending(worked: boolean, note = 'the service is up'): Ending {
  endings++;
  const time = `2026-01-31T09:26:53.${String(endings).padStart(6, '0')}Z`;
  return { worked, attempts: 2, note, time };
}

/** What a file would hold, in memory. */
export function keeperInMemory(): Keeper & { text: string } {
  const keeper = {
    text: '',
    read: async (): Promise<unknown> =>
      keeper.text === '' ? undefined : (JSON.parse(keeper.text) as unknown),
    write: async (text: string): Promise<undefined> => {
      keeper.text = text;
      return undefined;
    },
  };
  return keeper;
}

export function names(alarms: readonly Alarm[]): string[] {
  return alarms.map(({ process }) => process);
}

/** The one alarm there is. */
export function only(alarms: readonly Alarm[]): Alarm {
  const [alarm, ...more] = alarms;
  if (alarm === undefined || more.length > 0) throw new Error(`${alarms.length} alarms, not one`);
  return alarm;
}
