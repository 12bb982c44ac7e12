import type { Component, HostEntry, Platform } from '../../model/platform.ts';

/** The list of one host. */
export interface HostPlan {
  /** As it was asked for. */
  readonly host: string;
  readonly groups: readonly string[];
  /** In the order of the configuration. */
  readonly components: readonly Component[];
  /** Of its groups and its own; its own count more. */
  readonly variables: Readonly<Record<string, string>>;
  /** Empty where the configuration gives none. */
  readonly ip: string;
}

/** There is no list for that name. */
export interface NoPlan {
  /** Names that would have one, as the configuration has them. */
  readonly known: readonly string[];
  /** One sentence. */
  readonly reason: string;
}

/**
 * Which components belong on a host. Names are compared without regard to case; a short name and a
 * full one are the same host where their first labels are (`c9t17308`, `C9T17308.example.com`). An
 * entry can be a glob (`c9t*`); all that match count, a name more than a glob. Without any entry every
 * component belongs on every host.
 */
export function planOf(platform: Platform, host: string): HostPlan | NoPlan {
  const { hosts } = platform;
  if (hosts.length === 0) {
    return { host, groups: [], components: platform.components, variables: {}, ip: '' };
  }
  const known = hosts.map(({ name }) => name);
  const globs = hosts.filter(({ name }) => isGlob(name) && globMatches(name, host));
  const exact = hosts.filter(({ name }) => !isGlob(name) && isEqual(name, host));
  const named = exact.length > 0 ? exact : hosts.filter(({ name }) => isSameHost(name, host));
  if (named.length > 1) {
    const names = named.map(({ name }) => name).join(', ');
    return { known, reason: `the host ${host} can be each of: ${names}` };
  }
  const entries = [...globs, ...named];
  if (entries.length === 0) return { known, reason: `the host ${host} is in no list` };
  return merged(platform, host, entries);
}

function merged(platform: Platform, host: string, entries: readonly HostEntry[]): HostPlan {
  const groups = [...new Set(entries.flatMap((entry) => entry.groups))];
  const inGroups = platform.groups.filter(({ name }) => groups.includes(name));
  const parts = [...inGroups, ...entries];
  const names = new Set(parts.flatMap((part) => part.components));
  return {
    host,
    groups,
    components: platform.components.filter(({ name }) => names.has(name)),
    variables: Object.assign({}, ...parts.map((part) => part.variables)),
    ip: entries.findLast(({ ip }) => ip !== '')?.ip ?? '',
  };
}

function isGlob(name: string): boolean {
  return /[*?]/.test(name);
}

function isEqual(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** One of the two is short: two full names with different domains are two hosts. */
function isSameHost(name: string, host: string): boolean {
  if (isGlob(name) || isAddress(name) || isAddress(host)) return false;
  if (name.includes('.') && host.includes('.')) return false;
  return isEqual(firstLabel(name), firstLabel(host));
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(':');
}

function firstLabel(name: string): string {
  return name.split('.', 1)[0] ?? '';
}

/** `c9t*` matches the whole name of a host, or its first label. */
function globMatches(glob: string, host: string): boolean {
  const pattern = glob.toLowerCase();
  const name = host.toLowerCase();
  return matches(pattern, name) || (!isAddress(name) && matches(pattern, firstLabel(name)));
}

/** `*` and `?`, in time (length of the glob) × (length of the text). */
function matches(glob: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let starAt = 0;
  let g = 0;
  while (at < text.length) {
    if (g < glob.length && glob[g] === '*') {
      star = g++;
      starAt = at;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[at])) {
      g++;
      at++;
    } else if (star >= 0) {
      g = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** A network interface's address, as os.networkInterfaces() gives it. */
interface InterfaceAddress {
  readonly address: string;
  readonly internal: boolean;
  readonly family: string;
}

/** More are a router's. */
const addressesMax = 64;

/**
 * What `${host.ip}` stands for where the configuration gives no `ip`: the machine's addresses, any of
 * which is its own; loopback and link-local ones are not.
 */
export function hostAddresses(
  interfaces: Readonly<Record<string, readonly InterfaceAddress[] | undefined>>,
): readonly string[] {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/i.test(address))
    .sort((a, b) => a.family.localeCompare(b.family))
    .map(({ address }) => address)
    .slice(0, addressesMax);
}

/** Values for the variables of a regex; the host's own cannot take the place of `host.*`. */
export function variablesFor(
  plan: HostPlan,
  addresses: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const own = Object.entries(plan.variables).map(([name, value]) => [name, [value]] as const);
  return new Map<string, readonly string[]>([
    ...own,
    ['host.name', [plan.host]],
    ['host.ip', plan.ip === '' ? addresses : [plan.ip]],
  ]);
}
