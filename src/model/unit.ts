import type { RealtimeUs } from './time.ts';

/** systemd's ActiveState, org.freedesktop.systemd1(5). `refreshing` is new in systemd 257. */
export type ActiveState =
  | 'active'
  | 'reloading'
  | 'inactive'
  | 'failed'
  | 'activating'
  | 'deactivating'
  | 'maintenance'
  | 'refreshing';

const activeStates: ReadonlySet<string> = new Set<ActiveState>([
  'active',
  'reloading',
  'inactive',
  'failed',
  'activating',
  'deactivating',
  'maintenance',
  'refreshing',
]);

export function isActiveState(word: string): word is ActiveState {
  return activeStates.has(word);
}

/**
 * What a unit is doing, in the five words that decisions are made on.
 * `waiting` is systemd's auto-restart: it ended, and RestartSec is running.
 */
export type Phase = 'up' | 'starting' | 'stopping' | 'waiting' | 'down' | 'failed';

/**
 * The properties of one unit that unitwatch follows, as systemd's signals carry them. The decoder
 * writes into such a record in place, so it is mutable there and read-only everywhere else.
 * A time of 0 means: never yet. Strings are interned: the same state is the same string.
 */
export interface UnitState {
  activeState: ActiveState;
  subState: string;
  /** Service Result, systemd.service(5): `success`, `exit-code`, `signal`, `oom-kill`, ... */
  result: string;
  /** The 128 bits of InvocationID as four signed 32-bit words in order; all 0 for none. */
  invocation0: number;
  invocation1: number;
  invocation2: number;
  invocation3: number;
  /** Automatic restarts since the last manual start or reset-failed, as systemd counts them. */
  nRestarts: number;
  mainPid: number;
  controlPid: number;
  execMainPid: number;
  /** `si_code` of the main process' end: CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3; 0 while it runs. */
  execMainCode: number;
  /** Exit status, or the signal's number where `execMainCode` is 2 or 3. */
  execMainStatus: number;
  execMainStartUs: RealtimeUs;
  execMainExitUs: RealtimeUs;
  stateChangeUs: RealtimeUs;
  inactiveExitUs: RealtimeUs;
  activeEnterUs: RealtimeUs;
  activeExitUs: RealtimeUs;
  inactiveEnterUs: RealtimeUs;
  /** ID of the job that is queued or running for the unit; 0 for none. */
  jobId: number;
  /** The job under which the last run ended: a restart keeps its ID over stop and start. */
  endJobId: number;
  /** That job was there before the run had ended: else it may be that of the next start. */
  endJobSeen: boolean;
  /** Automatic restarts that systemd has scheduled since the last run ended, none of them up yet. */
  scheduled: number;
}

export function newUnitState(): UnitState {
  return {
    activeState: 'inactive',
    subState: 'dead',
    result: 'success',
    invocation0: 0,
    invocation1: 0,
    invocation2: 0,
    invocation3: 0,
    nRestarts: 0,
    mainPid: 0,
    controlPid: 0,
    execMainPid: 0,
    execMainCode: 0,
    execMainStatus: 0,
    execMainStartUs: 0,
    execMainExitUs: 0,
    stateChangeUs: 0,
    inactiveExitUs: 0,
    activeEnterUs: 0,
    activeExitUs: 0,
    inactiveEnterUs: 0,
    jobId: 0,
    endJobId: 0,
    endJobSeen: false,
    scheduled: 0,
  };
}

/**
 * The sub-states in which systemd has given up one run and will start the next by itself.
 * Source: src/basic/unit-def.c; the last three came with systemd 254.
 */
const waitingSubStates: ReadonlySet<string> = new Set([
  'auto-restart',
  'auto-restart-queued',
  'dead-before-auto-restart',
  'failed-before-auto-restart',
]);

export function phaseOf(state: Readonly<UnitState>): Phase {
  if (waitingSubStates.has(state.subState)) return 'waiting';
  switch (state.activeState) {
    case 'active':
    case 'reloading':
    case 'refreshing':
      return 'up';
    case 'activating':
      return 'starting';
    case 'deactivating':
      return 'stopping';
    case 'failed':
      return 'failed';
    // `systemctl clean` is at work on a unit that is not running.
    case 'maintenance':
    case 'inactive':
      return 'down';
  }
}

/** 32 hexadecimal digits, as `systemctl show -p InvocationID` prints them; empty for none. */
export function invocationId(state: Readonly<UnitState>): string {
  const { invocation0: a, invocation1: b, invocation2: c, invocation3: d } = state;
  return (a | b | c | d) === 0 ? '' : hex32(a) + hex32(b) + hex32(c) + hex32(d);
}

/** Each byte as two digits: ten times as fast as toString(16) of a whole word. */
const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

function hex32(word: number): string {
  const high = `${hexOfByte[word >>> 24]}${hexOfByte[(word >>> 16) & 255]}`;
  return `${high}${hexOfByte[(word >>> 8) & 255]}${hexOfByte[word & 255]}`;
}

export function sameInvocation(a: Readonly<UnitState>, b: Readonly<UnitState>): boolean {
  return (
    a.invocation0 === b.invocation0 &&
    a.invocation1 === b.invocation1 &&
    a.invocation2 === b.invocation2 &&
    a.invocation3 === b.invocation3
  );
}

/** Who caused a restart: systemd's `Restart=`, a person or a script, or unitwatch itself. */
export type RestartCause = 'automatic' | 'manual' | 'unitwatch';

/** Restarts of one unit since the agent began to watch it. */
export type RestartCounts = Readonly<Record<RestartCause, number>>;

/** What outputs may know of a unit; made when somebody asks, never kept. */
export interface UnitView {
  readonly name: string;
  /** `service`, `timer`, ...: what stands after the name's last dot. */
  readonly type: string;
  /** `loaded`, `not-found`, `bad-setting`, `error`, `masked`; `missing` units are `not-found`. */
  readonly loadState: string;
  readonly state: Readonly<UnitState>;
  readonly restarts: RestartCounts;
  /** It is a container runtime or belongs to one (docker, containerd, cri-o, podman, kubelet). */
  readonly container: boolean;
  /** Path below the cgroup root; empty while unknown. */
  readonly cgroup: string;
  /** The user named it, and systemd does not know it. */
  readonly missing: boolean;
}
