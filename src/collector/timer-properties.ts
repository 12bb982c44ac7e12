import type { RealtimeUs } from '../model/time.ts';
import { malformed, type Wire } from './wire.ts';

/** What a signal or a read tells of a timer unit, org.freedesktop.systemd1(5). */
export interface TimerFacts {
  /** The unit that it starts; empty where that is not told. */
  readonly unit: string;
  /** When it fired last; 0 for never, or where that is not told. */
  readonly lastTriggerUs: RealtimeUs;
}

/** Reads a dictionary of properties (`a{sv}`), cursor at its beginning. Throws `malformed`. */
export function readTimer(wire: Wire): TimerFacts {
  let unit = '';
  let lastTriggerUs = 0;
  const end = wire.arrayLength(8) + wire.pos;
  while (wire.pos < end) {
    wire.align(8);
    const key = wire.string();
    const length = wire.u8();
    const at = wire.pos;
    wire.pos = at + length + 1;
    if (wire.pos > end) throw malformed;
    const signature = wire.bytes.toString('latin1', at, at + length);
    if (key === 'Unit' && signature === 's') unit = wire.string();
    else if (key === 'LastTriggerUSec' && signature === 't') lastTriggerUs = wire.u64();
    else if (wire.skip(at, at + length, 0) !== at + length) throw malformed;
  }
  if (wire.pos !== end) throw malformed;
  return { unit, lastTriggerUs };
}
