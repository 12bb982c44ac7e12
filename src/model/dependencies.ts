import type { ActiveState } from './unit.ts';

/**
 * The dependency properties of a unit that are read, org.freedesktop.systemd1(5). Each has a reverse
 * at the other unit that systemd keeps itself, so reading one direction of each pair is enough.
 */
export const dependencyProperties = [
  'Requires',
  'BindsTo',
  'Wants',
  'Upholds',
  'Requisite',
  'Conflicts',
  'PropagatesStopTo',
  'After',
  'OnFailure',
  'OnSuccess',
  'Triggers',
  'PartOf',
] as const;

export type DependencyProperty = (typeof dependencyProperties)[number];

export type ReverseProperty = 'Before' | 'StopPropagatedFrom';

/** What systemd says about one unit that matters to what happens around it. */
export interface UnitDependencies {
  /** Its main name, `Id`. */
  readonly name: string;
  /** Its other names, out of `Names`. */
  readonly aliases: readonly string[];
  readonly loadState: string;
  readonly activeState: ActiveState;
  readonly subState: string;
  /** Names of other units, by property; a property that is left out is empty. */
  readonly lists: Readonly<Partial<Record<DependencyProperty, readonly string[]>>>;
  /**
   * Of the reverses, those that a unit file can say itself: `Before`, `StopPropagatedFrom`. The others
   * say the same, when they are read.
   */
  readonly reverse?: Partial<Readonly<Record<ReverseProperty, readonly string[]>>>;
  /** The slice that it is in; empty for what has none. */
  readonly slice: string;
  /** Path of its control group; empty where it has none now. */
  readonly cgroup: string;
  readonly settings: UnitSettings;
}

/** Settings that decide what systemd does when the unit, or one that it depends on, goes down. */
export interface UnitSettings {
  /** `Type` of a service: `simple`, `oneshot`, `notify`, ...; empty for other units. */
  readonly serviceType: string;
  /** `Restart` of a service; empty for other units. */
  readonly restart: string;
  /** `RestartMode` of a service, new in systemd 254: `normal`, `direct` or `debug`. */
  readonly restartMode: string;
  /** `RestartUSec`, microseconds. */
  readonly restartUs: number;
  readonly remainAfterExit: boolean;
  readonly stopWhenUnneeded: boolean;
  readonly refuseManualStart: boolean;
  readonly refuseManualStop: boolean;
  readonly canStart: boolean;
  readonly canStop: boolean;
  /** It can never be stopped: the root slice, the root mount. */
  readonly perpetual: boolean;
  /** A socket that starts one service a connection. */
  readonly accept: boolean;
  /** A condition was not met when it was last started. */
  readonly conditionFailed: boolean;
  /** `OnFailureJobMode` and `OnSuccessJobMode`. */
  readonly onFailureJobMode: string;
  readonly onSuccessJobMode: string;
  /** SIGKILL stands in `SuccessExitStatus`, `RestartPreventExitStatus`, `RestartForceExitStatus`. */
  readonly killIsSuccess: boolean;
  readonly killPreventsRestart: boolean;
  readonly killForcesRestart: boolean;
}

/** What a unit has whose file sets none of it. */
export const defaultSettings: UnitSettings = {
  serviceType: '',
  restart: '',
  restartMode: 'normal',
  restartUs: 100_000,
  remainAfterExit: false,
  stopWhenUnneeded: false,
  refuseManualStart: false,
  refuseManualStop: false,
  canStart: true,
  canStop: true,
  perpetual: false,
  accept: false,
  conditionFailed: false,
  onFailureJobMode: 'replace',
  onSuccessJobMode: 'fail',
  killIsSuccess: false,
  killPreventsRestart: false,
  killForcesRestart: false,
};
