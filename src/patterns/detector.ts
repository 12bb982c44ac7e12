import type { Severity } from '../model/event.ts';
import type { Finding, Pattern } from '../model/finding.ts';
import type { ResourceSample } from '../model/resource.ts';
import type { RealtimeUs } from '../model/time.ts';
import type { Transition } from '../model/transition.ts';
import type { Phase } from '../model/unit.ts';
import type { PatternSettings } from './settings.ts';
import type { TimerLog } from './timer-log.ts';

/** What people and programs are told. It is made only when an event is going to be written. */
export interface Telling {
  readonly severity: Severity;
  /** One plain sentence, without the service's name in front: `crashed 5 times in 12 s`. */
  readonly sentence: string;
  /** The numbers it rests on; each name ends in its unit. */
  readonly evidence: Finding['evidence'];
}

/**
 * What a detector thinks of a service now. The runner makes findings of it: the first that holds
 * opens one, a higher rank or twice the level updates it, one that no longer holds clears it.
 */
export interface Verdict {
  readonly holds: boolean;
  /** Tells several findings of one detector about one service apart; empty where it makes one. */
  readonly subject?: string;
  /** How bad its kind is, in whole steps; only compared with ranks of the same detector. */
  readonly rank: number;
  /** How much there is of it: crashes, bytes. */
  readonly level: number;
  readonly tell: () => Telling;
}

export type Verdicts = readonly Verdict[] | undefined;

/**
 * Follows one service for one detector. Its fields are its whole memory: bounded, and below a few
 * hundred bytes for a service at rest. It MUST be deterministic, MUST take time from its arguments
 * only and MUST NOT throw, whatever comes in. `timeUs` never runs backwards: the runner sees to it
 * (the time inside the transition or sample may).
 */
/** How a unit stands that nobody has watched for a while. */
export interface Standing {
  readonly phase: Phase;
  /** Since when, as systemd says it. */
  readonly sinceUs: RealtimeUs;
}

export interface Follower {
  transition?(transition: Transition, timeUs: RealtimeUs): Verdicts;
  sample?(sample: ResourceSample, timeUs: RealtimeUs): Verdicts;
  /** Before anything else, where it was made from what `save` gave. */
  resume?(now: Standing): void;
  /** Called at or after `deadlineUs`. */
  tick?(nowUs: RealtimeUs): Verdicts;
  /** When it wants to be called again if nothing happens; Infinity for never. */
  readonly deadlineUs: RealtimeUs;
  /** Plain JSON (no NaN, no Infinity) that `follow` takes back. */
  save(): unknown;
}

export type Occasion = 'transition' | 'trouble' | 'sample';

/** A row of the table in detectors.ts. */
export interface Detector {
  readonly pattern: Pattern;
  /**
   * A follower is made when the first of these arrives, so that a service at rest costs little;
   * from then on it hears everything. `trouble` is any transition but `started` and `stopped`.
   */
  readonly listensTo: readonly Occasion[];
  /**
   * Begins to follow a service, anew or from what `save` gave.
   * @returns undefined where `saved` is not something that `save` gave
   */
  follow(service: string, saved?: unknown): Follower | undefined;
}

/** What all services share: settings, and the timers that fired lately. */
export interface Surroundings {
  readonly settings: PatternSettings;
  readonly timers: TimerLog;
}

export type DetectorFactory = (surroundings: Surroundings) => Detector;
