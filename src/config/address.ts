import { isIPv4, isIPv6 } from 'node:net';
import { busTargets } from '../collector/address.ts';
import type { Address } from './key.ts';
import { nearestName } from './nearest.ts';

type Parsed<V> = { readonly value: V } | { readonly what: string; readonly meant?: string };

const wantedAddress = 'must be host:port, [IPv6]:port or off';

/** `127.0.0.1:9753`, `[::1]:9753`, `name:9753`, `off`. Names are looked up when listening. */
export function parseAddress(text: string): Parsed<Address | 'off'> {
  if (text === 'off') return { value: 'off' };
  const match =
    /^(?:\[(?<six>[0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(
      text,
    );
  const { six, name, port } = match?.groups ?? {};
  const host = six ?? name;
  if (host === undefined || Number(port) > 65_535) return wrongAddress(text);
  if (six === undefined ? !isHost(host) : !isIPv6(six)) return wrongAddress(text);
  return { value: Object.freeze({ host, port: Number(port) }) };
}

/** An IPv4 address, or a name that could be looked up (RFC 1123, 2.1; `_` is common, too). */
function isHost(name: string): boolean {
  if (/^[\d.]+$/.test(name)) return isIPv4(name);
  const label = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;
  return (
    name.length <= 253 &&
    name
      .replace(/\.$/, '')
      .split('.')
      .every((one) => label.test(one))
  );
}

function wrongAddress(text: string): Parsed<never> {
  const meant = meantAddress(text);
  return { what: wantedAddress, ...(meant === undefined ? {} : { meant }) };
}

function meantAddress(text: string): string | undefined {
  const bare = /^(?:https?:\/\/)?(.*?)\/*$/.exec(text)?.[1] ?? '';
  if (/^\d{1,5}$/.test(bare)) return Number(bare) > 65_535 ? undefined : `127.0.0.1:${bare}`;
  if (/^[:*]?:\d{1,5}$/.test(bare)) return `0.0.0.0:${bare.split(':').at(-1)}`;
  if (['false', 'no', 'none', 'disabled'].includes(bare.toLowerCase())) return 'off';
  return bare !== text && 'value' in parseAddress(bare) ? bare : undefined;
}

export function formatAddress(address: Address | 'off'): string {
  if (address === 'off') return 'off';
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/**
 * `system`, `user`, `off`, or server addresses as the D-Bus specification writes them: a transport and
 * `key=value` pairs, several addresses separated by semicolons.
 */
export function parseBus(text: string): Parsed<string> {
  if (text === 'system' || text === 'user' || text === 'off') return { value: text };
  const address = /^[a-z][a-z0-9-]*:[^=,;]+=[^=,;]+(?:,[^=,;]+=[^=,;]+)*$/;
  if (text.split(';').every((one) => address.test(one)) && leadsSomewhere(text)) {
    return { value: text };
  }
  const meant = text.startsWith('/')
    ? `unix:path=${text}`
    : nearestName(text, ['system', 'user', 'off']);
  const what =
    'must be system, user, off or a D-Bus address such as unix:path=/run/dbus/system_bus_socket';
  return { what, ...(meant === undefined ? {} : { meant }) };
}

/** As it is judged at start. */
function leadsSomewhere(bus: string): boolean {
  try {
    busTargets(bus);
    return true;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}
