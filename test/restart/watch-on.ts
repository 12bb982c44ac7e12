import { unitFilter } from '../../src/collector/filter.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { tellingSink } from '../../src/collector/tell.ts';
import { Watch } from '../../src/collector/watch.ts';
import type { Draft } from '../../src/model/event.ts';

/** A watch of every service of one systemd. */
export function watchOn(address: string, draft: (draft: Draft) => void): Watch {
  const watch: Watch = new Watch({
    address,
    uid: process.getuid?.() ?? 0,
    bufferBytes: 262_144,
    filter: unitFilter({
      monitorAll: true,
      whitelist: [],
      blacklist: [],
      containersOnly: false,
      unitTypes: ['service'],
    }),
    clock: systemClock,
    random: Math.random,
    sink: tellingSink(systemClock, { draft }, () => watch.follower.table.size),
  });
  return watch;
}
