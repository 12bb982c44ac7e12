import type { UnitVerb } from '../model/unit-control.ts';
import type { Bus, BusError } from './bus.ts';

/** One row of ListUnits, org.freedesktop.systemd1(5). */
export interface UnitRow {
  readonly name: string;
  readonly loadState: string;
  readonly activeState: string;
  readonly subState: string;
}

const manager = {
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const;

const queueing = { start: 'StartUnit', stop: 'StopUnit', restart: 'RestartUnit' } as const;

/** The calls of systemd's manager that unitwatch makes, typed at the boundary. */
export interface Manager {
  /** Asks systemd to send signals; it does so for nobody by itself. */
  subscribe(): Promise<void>;
  /** Loaded units that match any of the globs. Never loads one, unlike GetUnit or LoadUnit. */
  listUnits(patterns: readonly string[]): Promise<UnitRow[]>;
  /** Of these names, those that have a unit file, their template's included. */
  withFiles(names: readonly string[]): Promise<Set<string>>;
  /** Version as systemd writes it: `252.38-1~deb12u1`. */
  version(): Promise<string>;
  /** Queues a job, in place of one that waits already; answers with its ID. `name` has its type. */
  queueJob(verb: UnitVerb, name: string): Promise<number>;
  /** Takes back `failed`, and the count towards the start limit. */
  resetFailed(name: string): Promise<void>;
}

export function systemdManager(bus: Bus): Manager {
  return {
    subscribe: async () => {
      try {
        await bus.call({ ...manager, member: 'Subscribe' });
      } catch (error) {
        if (!(error as BusError).code.endsWith('.AlreadySubscribed')) throw error;
      }
    },
    listUnits: async (patterns) => {
      const [rows] = await bus.call({
        ...manager,
        member: 'ListUnitsByPatterns',
        signature: 'asas',
        body: [[], [...patterns]],
      });
      return rowsOf(rows).map(([name, , loadState, activeState, subState]) => ({
        name: String(name),
        loadState: String(loadState),
        activeState: String(activeState),
        subState: String(subState),
      }));
    },
    withFiles: async (names) => {
      const fileNames = names.flatMap((name) => [name, templateOf(name)].map(globQuoted));
      const [rows] = await bus.call({
        ...manager,
        member: 'ListUnitFilesByPatterns',
        signature: 'asas',
        body: [[], fileNames],
      });
      const files = new Set(rowsOf(rows).map(([path]) => String(path).split('/').pop()));
      return new Set(names.filter((name) => files.has(name) || files.has(templateOf(name))));
    },
    version: async () => {
      const [variant] = await bus.call({
        ...manager,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'Get',
        signature: 'ss',
        body: [manager.interface, 'Version'],
      });
      return String((variant as { value?: unknown } | undefined)?.value ?? '');
    },
    queueJob: async (verb, name) => {
      const [path] = await bus.call({
        ...manager,
        member: queueing[verb],
        signature: 'ss',
        body: [name, 'replace'],
      });
      return Number(String(path).split('/').pop());
    },
    resetFailed: async (name) => {
      await bus.call({ ...manager, member: 'ResetFailedUnit', signature: 's', body: [name] });
    },
  };
}

function rowsOf(value: unknown): readonly (readonly unknown[])[] {
  return Array.isArray(value) ? value.filter(Array.isArray) : [];
}

/** `foo@.service` of `foo@1.service`; the name itself where it is no instance. */
function templateOf(name: string): string {
  const at = name.indexOf('@');
  const dot = name.lastIndexOf('.');
  return at > 0 && dot > at ? name.slice(0, at + 1) + name.slice(dot) : name;
}

/** As fnmatch(3) reads it literally: unit names may hold `\x2d`. */
export function globQuoted(name: string): string {
  return name.replace(/[\\*?[\]]/g, '\\$&');
}
