/**
 * The list of a platform: which components there are, how their processes are recognised, and which
 * host has which of them. The configuration's `checks.components`, `checks.groups` and
 * `checks.hosts` are read into these types.
 */

import type { Command } from './command.ts';

/** One thing that the argument list of a process has to have. */
export interface Criterion {
  /** 0 is the program, 1 its first argument; -1 is the last, -2 the one before; `any`: somewhere. */
  readonly index: number | 'any';
  /**
   * Regular expression that is searched in that argument, not matched whole. `${host.ip}`,
   * `${host.name}` and the host's own variables stand for their values, as text.
   */
  readonly regex: string;
}

/** A value of `checks.components`; its key is the name. */
export interface Component {
  /** Unique; what the shell, the events and the metrics call it. */
  readonly name: string;
  /** All of them must match. Empty where a unit is behind it. */
  readonly criteria: readonly Criterion[];
  /** The systemd unit behind it, in place of criteria; empty for none. */
  readonly unit: string;
  /** Only processes of this user count (a name or a number), and commands run as this user; empty: any. */
  readonly user: string;
  /** How many processes there should be; `max` may be Infinity. With a unit they are not counted. */
  readonly min: number;
  readonly max: number;
  /** Components that have to run first. What is not on the same host is shown, not checked. */
  readonly dependsOn: readonly string[];
  /** Components that it needs on another host, even where this host has them too: shown, not checked. */
  readonly dependsOnElsewhere: readonly string[];
  readonly start: Command | undefined;
  /** Without it, stopping is SIGTERM, a time of grace, and SIGKILL. */
  readonly stop: Command | undefined;
  /** Where its commands run; empty: the root folder. */
  readonly workingDirectory: string;
}

/** A value of `checks.groups`: components under one name. */
export interface ComponentGroup {
  readonly name: string;
  /** Names of components. */
  readonly components: readonly string[];
}

/** A value of `checks.hosts`; its key is the name. */
export interface HostEntry {
  readonly name: string;
  /**
   * Hosts for which it stands: names, globs (`c9t*`) and `/regex/`, without regard to case. Empty:
   * its own name.
   */
  readonly names: readonly string[];
  /** Environments that it belongs to, such as `ITG`. */
  readonly groups: readonly string[];
  /** Names of components and of groups of components. */
  readonly components: readonly string[];
  /** For `${NAME}` and `${host.NAME}` in a regex. */
  readonly variables: Readonly<Record<string, string>>;
  /** For `${host.ip}`; empty: the addresses of the machine that asks. */
  readonly ip: string;
}

/** Everything that a configuration says about a platform. */
export interface Platform {
  readonly components: readonly Component[];
  readonly groups: readonly ComponentGroup[];
  readonly hosts: readonly HostEntry[];
}

/** A component that sets nothing: beside the type, so that who builds one names what differs. */
export const defaultComponent: Component = Object.freeze({
  name: '',
  criteria: [],
  unit: '',
  user: '',
  min: 1,
  max: Number.POSITIVE_INFINITY,
  dependsOn: [],
  dependsOnElsewhere: [],
  start: undefined,
  stop: undefined,
  workingDirectory: '',
});

/** What the processes of one component use together, as they were last looked at; from /proc. */
export interface ComponentUse {
  readonly name: string;
  /** Its check says that it runs, degraded or not. */
  readonly up: boolean;
  readonly processes: number;
  /** CPU time of its processes, those that have ended since the agent began to look included. */
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly swappedBytes: number;
  readonly threads: number;
  /** When the oldest of them started, seconds since 1970; 0 where there is none. */
  readonly oldestStartSeconds: number;
}
