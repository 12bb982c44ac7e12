import { limits } from '../model/limits.ts';
import type { Detector, Follower } from './detector.ts';
import { findingsMax, type OpenFinding, type Service } from './followed-service.ts';
import { isAmount, isFinding, isObject } from './saved.ts';

/** What a state file holds. */
export interface SavedRunner {
  readonly version: 1;
  /** Findings opened so far: their ids go on from there. */
  readonly opened: number;
  readonly timers: unknown;
  readonly services: readonly unknown[];
  /** Services that did not fit. */
  readonly leftOut: number;
}

interface SavedService {
  readonly name: string;
  readonly lastUs: number;
  readonly followers: Readonly<Record<string, unknown>>;
  readonly open: readonly OpenFinding[];
}

/**
 * One JSON text in pieces, a service each: whoever takes them may let time pass between two of them.
 * Services that no longer fit are only counted.
 */
export function* savedPieces(
  shared: Pick<SavedRunner, 'opened' | 'timers'>,
  services: readonly Service[],
  maxBytes: number,
): Generator<string, void> {
  const order = [
    ...services.filter((service) => service.open.length > 0),
    ...services.filter((service) => service.open.length === 0),
  ];
  const head = JSON.stringify({ version: 1, ...shared });
  yield `${head.slice(0, -1)},"services":[`;
  let bytes = head.length;
  let written = 0;
  for (const { name, lastUs, followers, open } of order) {
    const states = Object.entries(followers).map(([id, follower]) => [id, follower.save()]);
    const text = JSON.stringify({ name, lastUs, followers: Object.fromEntries(states), open });
    bytes += text.length + 1;
    if (bytes > maxBytes) break;
    yield written === 0 ? text : `,\n${text}`;
    written += 1;
  }
  yield `],"leftOut":${services.length - written}}\n`;
}

/** The state, or one sentence that says what is wrong with it. */
export function savedRunner(data: unknown): SavedRunner | string {
  if (!isObject(data)) return 'the saved state is not an object';
  const { version, opened, timers, services, leftOut } = data;
  if (version !== 1) return `the saved state has version ${String(version).slice(0, 20)}, not 1`;
  if (!Array.isArray(services)) return 'the saved state has no list of services';
  return {
    version,
    opened: isAmount(opened) ? Math.trunc(opened) : 0,
    timers,
    services,
    leftOut: isAmount(leftOut) ? leftOut : 0,
  };
}

/** What can be used of it; what cannot starts anew. The earliest heard of come first. */
export function restoreServices(
  saved: SavedRunner,
  detectors: readonly (readonly [string, Detector])[],
  max: number,
): Service[] {
  const restored: Service[] = [];
  const patterns = new Map(detectors.map(([id, { pattern }]) => [id, pattern]));
  for (const data of saved.services.slice(0, max)) {
    if (!isSavedService(data)) continue;
    const followers: Record<string, Follower> = {};
    for (const [id, detector] of detectors) {
      const state = data.followers[id];
      if (state === undefined) continue;
      const follower = detector.follow(data.name, state);
      if (follower !== undefined) followers[id] = follower;
    }
    const open = data.open
      .slice(0, findingsMax)
      .filter((finding) => isOpen(finding) && followers[finding.detector] !== undefined)
      .filter(({ detector, told }) => patterns.get(detector) === told.pattern)
      .map((finding) => ({ ...finding }));
    const { name, lastUs } = data;
    restored.push({ name, lastUs, placedUs: lastUs, followers, open });
  }
  return restored.sort((a, b) => a.lastUs - b.lastUs);
}

function isSavedService(data: unknown): data is SavedService {
  if (!isObject(data)) return false;
  const { name, lastUs, followers, open } = data;
  if (typeof name !== 'string' || name === '' || name.length > limits.unitNameBytes) return false;
  return isAmount(lastUs) && isObject(followers) && Array.isArray(open);
}

function isOpen(data: unknown): data is OpenFinding {
  if (!isObject(data)) return false;
  const { detector, subject, rank, level, told } = data;
  if (typeof detector !== 'string' || typeof subject !== 'string') return false;
  return isAmount(rank) && isAmount(level) && isFinding(told);
}
