import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** Longer files are not read: a hosts file that blocks advertisers has some 5 MB. */
const bytesMax = 8_388_608;

/** Search domains that are tried; glibc before 2.26 took no more. */
const searchMax = 6;

/** A small file of the system, parsed anew when it has changed. Missing is empty. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #stamp = '';
  #value: T;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#value = parse('');
  }

  /** The same object as long as the file is the same. */
  read(): T {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const stamp = stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : '';
    if (stamp === this.#stamp) return this.#value;
    this.#stamp = stamp;
    this.#value = this.#parse(stat && stat.size <= bytesMax ? textOf(this.#path) : '');
    return this.#value;
  }
}

/** It may have gone since, or be unreadable: the name servers are asked then. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Addresses by name, hosts(5). Names are in lower case. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const known = byName.get(name.toLowerCase());
      if (known === undefined) byName.set(name.toLowerCase(), [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return byName;
}

/** What resolv.conf(5) says about names that are not complete. */
export interface SearchList {
  readonly domains: readonly string[];
  /** Names with fewer dots are looked for in the domains first. */
  readonly ndots: number;
}

export function parseResolvConf(text: string): SearchList {
  let domains: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search' || keyword === 'domain') domains = values.slice(0, searchMax);
    if (keyword !== 'options') continue;
    const option = values.find((value) => /^ndots:\d{1,2}$/.test(value));
    // 15 is the most that resolv.conf(5) allows.
    if (option !== undefined) ndots = Math.min(15, Number(option.slice('ndots:'.length)));
  }
  return { domains: domains.filter((domain) => domain !== '.'), ndots };
}

/** The names that are asked for, in order, as res_search(3) does. */
export function candidates(name: string, { domains, ndots }: SearchList): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const longer = domains.map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...longer] : [...longer, name];
}
