import type { NetConnectOpts } from 'node:net';

/** What a bus address leads to: options for node:net. */
export type BusTarget = NetConnectOpts;

/** The environment's part in finding a bus; only `cmd/` reads the real one. */
export interface BusEnvironment {
  readonly DBUS_SYSTEM_BUS_ADDRESS?: string | undefined;
  readonly DBUS_SESSION_BUS_ADDRESS?: string | undefined;
  readonly XDG_RUNTIME_DIR?: string | undefined;
  readonly uid: number;
}

/** `system`, `user`, an address as the D-Bus specification writes it, or `off` for no systemd at all. */
export function busAddress(bus: string, env: BusEnvironment): string {
  if (bus === 'system')
    return env.DBUS_SYSTEM_BUS_ADDRESS || 'unix:path=/run/dbus/system_bus_socket';
  if (bus !== 'user') return bus;
  const runtime = env.XDG_RUNTIME_DIR || `/run/user/${env.uid}`;
  return env.DBUS_SESSION_BUS_ADDRESS || `unix:path=${runtime}/bus`;
}

/**
 * Where to connect, in the address' order of preference. Understood are `unix:path=`,
 * `unix:abstract=` and `tcp:host=,port=` with `%xx` escapes ("Server Addresses" of the
 * specification); `off` leads nowhere.
 * @throws TypeError with a sentence for the user where nothing in it is understood
 */
export function busTargets(address: string): BusTarget[] {
  if (address === 'off') return [];
  const targets = address.split(';').map(targetOf);
  const known = targets.filter((target) => target !== undefined);
  if (known.length === 0)
    throw new TypeError(
      `"${address}" is no bus address: use system, user, off, or one like unix:path=/run/dbus/system_bus_socket`,
    );
  return known;
}

function targetOf(entry: string): BusTarget | undefined {
  const colon = entry.indexOf(':');
  const transport = entry.slice(0, Math.max(colon, 0));
  const options = new Map(
    entry
      .slice(colon + 1)
      .split(',')
      .map((pair) => {
        const equals = pair.indexOf('=');
        return [
          pair.slice(0, Math.max(equals, 0)),
          percentDecoded(pair.slice(equals + 1)),
        ] as const;
      }),
  );
  if (transport === 'unix') {
    const path = options.get('path');
    const abstract = options.get('abstract');
    if (path) return { path };
    if (abstract) return { path: `\0${abstract}` };
  }
  const host = options.get('host');
  const port = Number(options.get('port'));
  return transport === 'tcp' && host && Number.isInteger(port) && port > 0 && port < 65_536
    ? { host, port }
    : undefined;
}

function percentDecoded(value: string): string {
  return value.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
