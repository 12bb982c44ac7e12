import type { Config } from './config/keys.ts';
import type { Event } from './model/event.ts';
import type { ProbeResult } from './model/probe.ts';
import type { ResourceSample } from './model/resource.ts';
import type { Clock } from './model/time.ts';
import type { Transition } from './model/transition.ts';
import type { outputs } from './outputs/outputs.ts';
import type { PatternSettings } from './patterns/settings.ts';

/** What the agent takes from the world outside; only `cmd/` has the real one. */
export interface Surroundings {
  readonly clock: Clock;
  /** From 0 to 1, for the spread of reconnects. */
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly host: string;
  readonly bootId: string;
  /** IANA name of the host's time zone: timetables follow it. */
  readonly timeZone: string;
  /** What no key of the configuration sets: how long a healthy run is, say. */
  readonly patternSettings?: Partial<PatternSettings>;
  /** Keep what was learned in `state_directory`. */
  readonly keepState: boolean;
  readonly version: string;
  readonly log: Log;
}

/** The part of a logger that the agent needs. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Who is told of everything that passes, for a log that was asked to say more. */
export interface Listener {
  result(result: ProbeResult): void;
  event(event: Event): void;
  transition(what: Transition): void;
  sample(sample: ResourceSample): void;
}

export interface AgentOptions extends Surroundings {
  readonly config: Config;
  readonly listener?: Listener;
  /** Where events are written and how; undefined for nowhere. */
  readonly output?: {
    readonly name: keyof typeof outputs;
    readonly fd: number;
    readonly colour: boolean;
  };
}
