import { type RecordWithTtl, Resolver } from 'node:dns';
import { isIP } from 'node:net';
import type { ProbeFault } from '../../model/probe.ts';
import type { Clock, DurationUs } from '../../model/time.ts';
import { asciiName } from './host-name.ts';
import { candidates, parseHosts, parseResolvConf, WatchedFile } from './name-files.ts';

/** The addresses of a name in the order in which they are tried; or why there are none. */
export type Found =
  | { readonly addresses: readonly string[] }
  | { readonly fault: ProbeFault; readonly reason: string };

export interface ResolverOptions {
  readonly clock: Pick<Clock, 'monotonicUs'>;
  /** `address` or `address:port`; those of resolv.conf when absent. */
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
  readonly resolvFile?: string;
  /** Wait for the first answer of a server; the second time it is twice as long. */
  readonly tryMs?: number;
}

const tries = 2;
/** What `getServers` says of a name server on this machine; also without a resolv.conf. */
const loopbackServer = '127.0.0.1';
/** How long the answer of one family is waited for when the other has come, RFC 8305 section 3. */
const otherFamilyMs = 50;
/** Addresses of a name that are tried; no service has more that are worth it. */
const addressesMax = 8;
/**
 * How long an answer is believed: as long as its TTL says, within these bounds. A thousand checks of
 * one host every second are one question a second; a name that moves is followed within ten.
 */
const keepMinUs: DurationUs = 1e6;
const keepMaxUs: DurationUs = 10e6;
/** Names that are remembered; there are not more endpoints. */
const namesMax = 10_000;
/** How often the files are looked at. */
const filesUs: DurationUs = 1e6;

interface Remembered {
  readonly found: Promise<Found>;
  /** Infinity while it is being looked for. */
  untilUs: DurationUs;
}

interface FamilyAnswer {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** Code of the error; empty where there is none. */
  readonly code: string;
}

/**
 * Looks names up: in the hosts file, then at the name servers with c-ares, whose questions wait in
 * no thread. getaddrinfo(3) would block one of libuv's four threads for each name whose server does
 * not answer, and with it every file that the agent reads or writes.
 */
export class NameResolver {
  readonly #options: ResolverOptions;
  readonly #hosts: WatchedFile<ReadonlyMap<string, readonly string[]>>;
  readonly #search: WatchedFile<ReturnType<typeof parseResolvConf>>;
  readonly #known = new Map<string, Remembered>();
  #filesUntilUs: DurationUs = 0;
  #files: {
    readonly hosts: ReadonlyMap<string, readonly string[]>;
    readonly search: ReturnType<typeof parseResolvConf>;
    readonly resolver: Resolver;
  };

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#hosts = new WatchedFile(options.hostsFile ?? '/etc/hosts', parseHosts);
    this.#search = new WatchedFile(options.resolvFile ?? '/etc/resolv.conf', parseResolvConf);
    this.#files = {
      hosts: this.#hosts.read(),
      search: this.#search.read(),
      resolver: this.#newResolver(),
    };
  }

  /** Those who ask for the same name share one question. */
  lookUp(name: string): Promise<Found> {
    if (isIP(name) !== 0) return Promise.resolve({ addresses: [name] });
    const key = asciiName(name).toLowerCase();
    const nowUs = this.#options.clock.monotonicUs();
    const known = this.#known.get(key);
    if (known && nowUs < known.untilUs) return known.found;
    this.#known.delete(key);
    const oldest = this.#known.keys().next();
    if (this.#known.size >= namesMax && !oldest.done) this.#known.delete(oldest.value);
    this.#readFiles(nowUs);
    const asked = this.#ask(key);
    const remembered: Remembered = { found: asked.then(({ found }) => found), untilUs: Infinity };
    this.#known.set(key, remembered);
    void asked.then(({ keepUs }) => {
      remembered.untilUs = this.#options.clock.monotonicUs() + keepUs;
    });
    return remembered.found;
  }

  /** Questions under way are given up. */
  close(): void {
    this.#files.resolver.cancel();
  }

  #newResolver(): Resolver {
    const resolver = new Resolver({ timeout: this.#options.tryMs ?? 1_000, tries });
    const servers = this.#options.servers ?? resolver.getServers();
    // As the only server that nobody has set, it is taken for a failed look at resolv.conf: after each
    // refusal Node.js would begin anew, and end all questions under way with EDESTRUCTION.
    if (this.#options.servers || servers.every((server) => server === loopbackServer)) {
      resolver.setServers(servers);
    }
    return resolver;
  }

  /** A resolver keeps the name servers that it began with: another file is another resolver. */
  #readFiles(nowUs: DurationUs): void {
    if (nowUs < this.#filesUntilUs) return;
    this.#filesUntilUs = nowUs + filesUs;
    const search = this.#search.read();
    const resolver = search === this.#files.search ? this.#files.resolver : this.#newResolver();
    this.#files = { hosts: this.#hosts.read(), search, resolver };
  }

  async #ask(name: string): Promise<{ readonly found: Found; readonly keepUs: DurationUs }> {
    const { hosts, search, resolver } = this.#files;
    const bare = name.endsWith('.') ? name.slice(0, -1) : name;
    const local = hosts.get(bare) ?? loopbackOf(bare);
    if (local) return { found: { addresses: inOrder(local) }, keepUs: keepMinUs };
    for (const candidate of candidates(name, search)) {
      const answers = await bothFamilies(resolver, candidate);
      const addresses = inOrder(answers.flatMap((answer) => answer.addresses));
      if (addresses.length > 0) {
        const ttlSeconds = Math.min(...answers.map((answer) => answer.ttlSeconds));
        const keepUs = Math.min(keepMaxUs, Math.max(keepMinUs, ttlSeconds * 1e6));
        return { found: { addresses }, keepUs };
      }
      const fault = faultOf(answers.map(({ code }) => code));
      if (fault) return { found: fault, keepUs: keepMinUs };
    }
    return { found: { fault: 'name', reason: 'name not found' }, keepUs: keepMinUs };
  }
}

/** RFC 6761 section 6.3: these never go to a name server. */
function loopbackOf(name: string): readonly string[] | undefined {
  return name === 'localhost' || name.endsWith('.localhost') ? ['127.0.0.1', '::1'] : undefined;
}

/** IPv6 and IPv4 in turns, RFC 8305 section 4. */
function inOrder(addresses: readonly string[]): readonly string[] {
  const six = addresses.filter((address) => isIP(address) === 6);
  const four = addresses.filter((address) => isIP(address) === 4);
  const longer = Math.max(six.length, four.length);
  const turns = Array.from({ length: longer }, (_, at) => [six[at], four[at]]).flat();
  return turns.filter((address) => address !== undefined).slice(0, addressesMax);
}

/** What both families say; an answer that comes long after the other one's is not waited for. */
function bothFamilies(resolver: Resolver, name: string): Promise<readonly FamilyAnswer[]> {
  return new Promise((resolve) => {
    const answers: FamilyAnswer[] = [];
    let timer: NodeJS.Timeout | undefined;
    const take = (error: Error | null, records: readonly RecordWithTtl[]): void => {
      answers.push(error ? withoutAddress(error) : withAddresses(records));
      if (answers.length === 1 && error) return;
      clearTimeout(timer);
      if (answers.length === 2) resolve(answers);
      else timer = setTimeout(() => resolve(answers), otherFamilyMs);
    };
    resolver.resolve4(name, { ttl: true }, take);
    resolver.resolve6(name, { ttl: true }, take);
  });
}

function withAddresses(records: readonly RecordWithTtl[]): FamilyAnswer {
  return {
    addresses: records.map(({ address }) => address),
    ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
    code: '',
  };
}

function withoutAddress(error: Error): FamilyAnswer {
  const code = 'code' in error ? String(error.code) : error.name;
  return { addresses: [], ttlSeconds: Infinity, code };
}

/** Undefined where the servers say that there is no such name. */
function faultOf(codes: readonly string[]): Exclude<Found, { addresses: unknown }> | undefined {
  const failed = codes.filter((code) => !['', 'ENOTFOUND', 'ENODATA', 'EBADNAME'].includes(code));
  if (failed.length === 0) return undefined;
  if (failed.includes('ETIMEOUT')) return { fault: 'dns', reason: 'DNS timeout' };
  return { fault: 'dns', reason: `DNS failure (${failed[0]})` };
}
