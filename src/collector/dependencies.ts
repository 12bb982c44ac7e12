import type { UnitDependencies } from '../model/dependencies.ts';
import { limits } from '../model/limits.ts';
import { unitPath } from '../model/unit-name.ts';
import type { BusTarget } from './address.ts';
import { BusError, connectBus } from './bus.ts';
import { readDependencies } from './dependency-properties.ts';
import { SignalConnection } from './signals.ts';
import { systemdManager } from './systemd.ts';

/** What asks for the properties of a unit: the signal connection does. */
export type Properties = Pick<SignalConnection<never>, 'getAll' | 'lost'>;

/**
 * Reads what units depend on, `inFlight` calls at a time, and hands over each as it comes: what a
 * reply says is no longer kept than that. Units that are gone by the time they are asked for, or
 * whose answer makes no sense, are left out.
 * @throws BusError where the connection is lost
 */
export async function readEach(
  connection: Properties,
  names: readonly string[],
  inFlight: number,
  take: (unit: UnitDependencies) => void,
): Promise<void> {
  let asked = 0;
  let answered = 0;
  const all = new Promise<undefined>((resolve) => {
    const next = (): void => {
      if (answered === names.length) resolve(undefined);
      while (asked < names.length && asked - answered < inFlight) {
        connection.getAll(unitPath(names[asked++] as string), (reply) => {
          const unit = reply.kind === 'properties' ? reply.read(readDependencies) : undefined;
          if (unit !== undefined) take(unit);
          answered++;
          next();
        });
      }
    };
    next();
  });
  const lost = await connection.lost.during(all);
  if (lost !== undefined) throw lost;
}

/** The same, `limits.callsInFlight` at a time and all at once. @throws BusError as `readEach` does */
export async function readUnitDependencies(
  connection: Properties,
  names: readonly string[],
): Promise<UnitDependencies[]> {
  const found: UnitDependencies[] = [];
  await readEach(connection, names, limits.callsInFlight, (unit) => found.push(unit));
  return found;
}

/** All units of a systemd and what they depend on. */
export interface DependencySnapshot {
  /** As systemd writes it: `252.38-1~deb12u1`. */
  readonly version: string;
  readonly units: readonly UnitDependencies[];
}

/** A reply of GetAll has some 12 KB; longer ones than this are passed over. */
const bufferBytes = 4_194_304;

/**
 * Connects, reads all loaded units, and leaves. A unit that is only named by others is not loaded by
 * it, so that looking changes nothing.
 * @throws BusError with a sentence that says what to do
 */
export async function readSnapshot(target: BusTarget, uid: number): Promise<DependencySnapshot> {
  const connection = await SignalConnection.open({ target, uid, bufferBytes, sink: silent });
  try {
    if (connection.owner === '')
      throw new BusError(
        'unreachable',
        'systemd is not on this bus: is it PID 1 here? Try --bus user for your own systemd.',
      );
    const bus = await connectBus(target, { callsTimedOut: 0, callsFailed: 0 });
    try {
      const manager = systemdManager(bus);
      const rows = await manager.listUnits([]);
      const names = rows.map(({ name }) => name).slice(0, limits.units);
      return {
        version: await manager.version(),
        units: await readUnitDependencies(connection, names),
      };
    } finally {
      bus.close();
    }
  } finally {
    connection.close('done');
  }
}

/** Signals are of no interest to somebody who looks once. */
const silent = {
  find: () => undefined,
  changed: () => {},
  unitNew: () => {},
  unitRemoved: () => {},
  jobRemoved: () => {},
  reloading: () => {},
  ownerChanged: () => {},
  overflow: () => {},
};
