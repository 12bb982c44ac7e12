/** How systemd behaved before a version, and since. */
interface Difference {
  /** The first version that behaves anew. */
  readonly since: number;
  /** What is different, and where that stands in systemd's source. */
  readonly reason: string;
}

/**
 * Everything in which systemd's versions from 252 on differ in what stops, restarts or starts with
 * what; found by comparing src/core of 252.39 and 257.13; the
 * versions in between by the pull requests. Whoever meets another one adds a row.
 */
export const differences = {
  restartStopsPropagated: {
    since: 253,
    reason:
      'A restart stops what PropagatesStopTo= names; before, only a stop did ' +
      '(systemd pull request 25977, transaction.c).',
  },
  gracefulPropagation: {
    since: 254,
    reason:
      'PropagatesStopTo= is followed last and only from the unit that was asked for, not from those ' +
      'that are stopped along with it, and turns into a restart where the unit is started in the ' +
      'same transaction (PROPAGATE_STOP_GRACEFUL, systemd pull request 26844, transaction.c).',
  },
  failedPullIsDropped: {
    since: 254,
    reason:
      'A unit that is only wanted, and whose own requirements cannot be had, is left out; before, it ' +
      'was started without them (systemd pull request 27852, transaction.c).',
  },
  restartIsStart: {
    since: 254,
    reason:
      'An automatic restart is a start job that restarts the dependants; before, it was a restart ' +
      'job, which first took the unit from auto-restart to inactive (service_enter_restart(), ' +
      'service.c).',
  },
  failureBeforeRestart: {
    since: 254,
    reason:
      'OnFailure= and OnSuccess= are triggered at each end of a run, also where Restart= follows; ' +
      'before, not (unit_notify(), unit.c; FAILED_BEFORE_AUTO_RESTART, service.c).',
  },
  directRestartsAlone: {
    since: 257,
    reason:
      'RestartMode=direct restarts no dependants; before, it did (systemd pull request 34768, ' +
      'service.c).',
  },
  startHurriesRestart: {
    since: 254,
    reason:
      'A start job ends the wait for an automatic restart; before, it waited itself ' +
      '(service_start(), service.c).',
  },
} as const satisfies Readonly<Record<string, Difference>>;

/** Which of the new behaviours a version has. */
export type Rules = Readonly<Record<keyof typeof differences, boolean>>;

/** Rules of a systemd version; of the newest where the version is not known (0). */
export function rulesOf(version: number): Rules {
  return Object.fromEntries(
    Object.entries(differences).map(([name, { since }]) => [
      name,
      version === 0 || version >= since,
    ]),
  ) as Rules;
}

/** `252` out of `252.38-1~deb12u1`, `257` out of `v257-rc1`; 0 where there is no number. */
export function majorVersion(text: string): number {
  return Number(/\d+/.exec(text)?.[0] ?? 0);
}
