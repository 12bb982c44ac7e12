import { limits } from '../model/limits.ts';
import type { RealtimeUs } from '../model/time.ts';

/** A time that can be reckoned with: it may come out of a recording. */
export function isTime(timeUs: RealtimeUs): boolean {
  return timeUs > 0 && timeUs <= Number.MAX_SAFE_INTEGER;
}

/** A name that a unit may have, as far as its length goes. */
export function isName(name: string): boolean {
  return name.length > 0 && name.length <= limits.unitNameBytes;
}
