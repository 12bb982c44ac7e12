import type { Component, HostEntry, Platform } from '../../model/platform.ts';

/** The list of one host. */
export interface HostPlan {
  /** As it was asked for. */
  readonly host: string;
  readonly groups: readonly string[];
  /** In the order of the configuration. */
  readonly components: readonly Component[];
  /** Of all entries that match; that of a name counts more than that of a pattern. */
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

/** Whether there is a list. */
export function isPlan(plan: HostPlan | NoPlan): plan is HostPlan {
  return 'components' in plan;
}

/**
 * Which components belong on a host. Names are compared without regard to case; a short name and a
 * full one are the same host where their first labels are (`c9t17308`, `C9T17308.example.com`). A name
 * can be a glob (`c9t*`) or a `/regex/`; all entries that match count. Without any entry every
 * component belongs on every host.
 */
export function planOf(platform: Platform, host: string): HostPlan | NoPlan {
  const { hosts } = platform;
  if (hosts.length === 0) {
    return { host, groups: [], components: platform.components, variables: {}, ip: '' };
  }
  const names = hosts.flatMap((entry) => namesOf(entry));
  const known = [...new Set(names)];
  // Two full names with the same first label: the short one does not say which.
  const same = new Set(
    names.filter((name) => !isPattern(name) && isSameHost(name, host)).map((n) => n.toLowerCase()),
  );
  const isExact = same.has(host.toLowerCase());
  if (!isExact && same.size > 1) {
    return { known, reason: `the host ${host} can be each of: ${[...same].join(', ')}` };
  }
  const isNamed = (name: string): boolean =>
    !isPattern(name) && (isExact ? isEqual(name, host) : isSameHost(name, host));
  const byPattern = hosts.filter((entry) =>
    namesOf(entry).some((name) => isPattern(name) && patternMatches(name, host)),
  );
  const byName = hosts.filter((entry) => namesOf(entry).some(isNamed));
  const entries = [...new Set([...byPattern, ...byName])];
  if (entries.length === 0) return { known, reason: `the host ${host} is in no list` };
  return merged(platform, host, entries);
}

function namesOf({ name, names }: HostEntry): readonly string[] {
  return names.length === 0 ? [name] : names;
}

function merged(platform: Platform, host: string, entries: readonly HostEntry[]): HostPlan {
  const listed = new Set(entries.flatMap((entry) => entry.components));
  const grouped = platform.groups.filter(({ name }) => listed.has(name));
  const names = new Set([...listed, ...grouped.flatMap((group) => group.components)]);
  return {
    host,
    groups: [...new Set(entries.flatMap((entry) => entry.groups))],
    components: platform.components.filter(({ name }) => names.has(name)),
    variables: Object.assign({}, ...entries.map((entry) => entry.variables)),
    ip: entries.findLast(({ ip }) => ip !== '')?.ip ?? '',
  };
}

function isPattern(name: string): boolean {
  return isRegex(name) || /[*?]/.test(name);
}

function isRegex(name: string): boolean {
  return name.length > 2 && name.startsWith('/') && name.endsWith('/');
}

function isEqual(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** One of the two is short: two full names with different domains are two hosts. */
function isSameHost(name: string, host: string): boolean {
  if (isEqual(name, host)) return true;
  if (isAddress(name) || isAddress(host)) return false;
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
function patternMatches(pattern: string, host: string): boolean {
  const isFound = isRegex(pattern)
    ? (name: string) => new RegExp(pattern.slice(1, -1), 'iu').test(name)
    : (name: string) => matches(pattern.toLowerCase(), name.toLowerCase());
  return isFound(host) || (!isAddress(host) && isFound(firstLabel(host)));
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

/** Values for the variables of a regex; the host's own cannot take the place of `host.ip` and `host.name`. */
export function variablesFor(
  { host, ip, variables }: HostPlan,
  addresses: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const own = Object.entries(variables).flatMap(([name, value]) => [
    [name, [value]] as const,
    [`host.${name}`, [value]] as const,
  ]);
  return new Map<string, readonly string[]>([
    ...own,
    ['host.name', [host]],
    ['host.ip', ip === '' ? addresses : [ip]],
  ]);
}
