import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { amountsOf, isAmount, isObject } from './saved.ts';

/** How memory grew in a life of a service that has ended. */
export interface Life {
  readonly bytesPerHour: number;
  readonly relativeGrowth: number;
  readonly tau: number;
  /** It died badly, with its memory near the limit. */
  readonly ofMemory: boolean;
}

/** What an open finding is judged by. */
export interface OpenLeak {
  readonly step: number;
  readonly bytesPerHour: number;
}

export interface SavedLeak {
  readonly invocation: string;
  readonly lifeUs: RealtimeUs;
  readonly lastUs: RealtimeUs;
  readonly lastBytes: number;
  readonly limitBytes: number;
  readonly source: string;
  readonly diedBadly: boolean;
  readonly lowBytes: number;
  readonly highBytes: number;
  readonly fallUs: RealtimeUs;
  readonly toothUs: DurationUs;
  readonly lives: readonly Life[];
  readonly open: OpenLeak | undefined;
  /** What FloorLadder's `save` gave; it checks itself. */
  readonly ladder: unknown;
}

/** Lives whose slope is within a factor of two, and that clearly grew. */
export function agreeing(lives: readonly Life[], bytesPerHour: number): Life[] {
  return lives.filter((life) => {
    const ratio = life.bytesPerHour / bytesPerHour;
    return ratio > 0.5 && ratio < 2 && life.relativeGrowth >= 0.2 && life.tau >= 0.7;
  });
}

/** Checks all but the ladder. */
export function savedLeak(data: unknown, livesMax: number): SavedLeak | undefined {
  if (!isObject(data)) return undefined;
  const numbers = amountsOf(data, [
    'lifeUs',
    'lastUs',
    'lastBytes',
    'limitBytes',
    'lowBytes',
    'highBytes',
    'fallUs',
    'toothUs',
  ]);
  const { invocation, source, diedBadly, lives, open, ladder } = data;
  if (numbers === undefined || typeof invocation !== 'string' || typeof source !== 'string') {
    return undefined;
  }
  if (!Array.isArray(lives) || lives.length > livesMax || !lives.every(isLife)) return undefined;
  if (open !== undefined && !isOpenLeak(open)) return undefined;
  return {
    ...numbers,
    invocation: invocation.slice(0, 64),
    source: source.slice(0, 16),
    diedBadly: diedBadly === true,
    lives: [...lives],
    open,
    ladder,
  };
}

function isLife(data: unknown): data is Life {
  if (!isObject(data)) return false;
  return [data['bytesPerHour'], data['relativeGrowth'], data['tau']].every(isAmount);
}

function isOpenLeak(data: unknown): data is OpenLeak {
  if (!isObject(data)) return false;
  return [data['step'], data['bytesPerHour']].every(isAmount);
}
