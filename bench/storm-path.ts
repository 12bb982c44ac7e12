import { Decoder } from '../src/collector/decode.ts';
import { unitFilter } from '../src/collector/filter.ts';
import { Follower } from '../src/collector/follower.ts';
import { Recording } from '../src/collector/recording.ts';
import { systemClock } from '../src/collector/system-clock.ts';
import type { UnitRecord } from '../src/collector/units.ts';
import type { Transition } from '../src/model/transition.ts';
import { capture, messagesIn } from '../test/collector/captures.ts';

const services = unitFilter({
  monitorAll: true,
  whitelist: [],
  blacklist: [],
  containersOnly: false,
  unitTypes: ['service'],
});

/** The recorded storm: 30 units that crash as fast as they can, every signal of the agent's rules. */
export interface Storm {
  readonly bytes: Buffer;
  readonly messages: readonly Buffer[];
  /** The services in it. */
  readonly names: readonly string[];
}

export function recordedStorm(): Storm {
  const bytes = capture('storm');
  const recording = new Recording({ host: 'bench', filter: services, event: () => {} });
  recording.push(bytes);
  const names = Array.from(recording.table.all(), ({ name }) => name);
  return { bytes, messages: messagesIn(bytes), names };
}

/** What a read of the socket brings at the most. */
const readBytes = 65_536;

/** The agent's path from bytes to transitions, with these units in its table. */
export function stormPath(
  names: readonly string[],
  told: (what: Transition, unit: UnitRecord) => void,
): (bytes: Buffer) => void {
  const follower = new Follower({
    filter: services,
    clock: systemClock,
    sink: {
      transition: told,
      missing: () => {},
      loadFailed: () => {},
      gone: () => {},
      lookUp: () => {},
      hold: () => {},
    },
  });
  for (const name of names) follower.add(name).known = true;
  const decoder = new Decoder<UnitRecord>({
    find: (bytes, at, length) => follower.find(bytes, at, length),
    changed: (unit, next) => follower.changed(unit, next),
    unitNew: () => {},
    unitRemoved: () => {},
    jobRemoved: (id, unit, result) => follower.jobRemoved(id, unit, result),
    reloading: () => {},
    ownerChanged: () => {},
    reply: () => {},
  });
  decoder.trust(undefined);
  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      at = decoder.take(bytes, at, Math.min(bytes.length, at + readBytes));
      // The agent does so by a timer, 3 ms later.
      follower.release();
    }
  };
}
