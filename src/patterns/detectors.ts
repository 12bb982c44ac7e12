import { crashLoop } from './crash-loop.ts';
import type { DetectorFactory } from './detector.ts';
import { memoryLeak } from './memory-leak.ts';
import { periodicCrash } from './periodic-crash.ts';

/** Every detector there is. Adding one is a file, its test, and a row here. */
export const detectors = {
  crashLoop,
  periodicCrash,
  memoryLeak,
} as const satisfies Readonly<Record<string, DetectorFactory>>;
