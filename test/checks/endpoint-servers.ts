import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import type { ProbeContext } from '../../src/checks/endpoints-contract.ts';
import type { HttpEndpoint } from '../../src/checks/http/probe.ts';
import { NameResolver } from '../../src/checks/tcp/resolver.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { run } from '../debian.ts';

/** Servers that behave in every wrong way, on ports of their own; all are closed together. */
export class Servers {
  readonly #closers: (() => void)[] = [];

  /** What it does with each connection. */
  async tcp(each: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<number> {
    return this.listen(createServer(each), host, port);
  }

  async http(listener: RequestListener, keepAliveMs = 60_000): Promise<number> {
    const server = createHttp({ keepAliveTimeout: keepAliveMs }, listener);
    return this.listen(server);
  }

  /** @param onName gets the name that each client asks for */
  async tls(
    { key, cert }: Pair,
    each: (socket: Socket) => void,
    onName: (name: string) => void = () => {},
  ): Promise<number> {
    const SNICallback = (name: string, done: (error: null) => void): void => {
      onName(name);
      done(null);
    };
    return this.listen(createTls({ key, cert, SNICallback }, each));
  }

  /** A name server that answers as it is told, or never. */
  async dns(answer?: (query: Buffer) => Buffer | undefined): Promise<string> {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) => {
      const text = answer?.(query);
      if (text) socket.send(text, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    this.#closers.push(() => socket.close());
    return `127.0.0.1:${socket.address().port}`;
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
  }

  /** Any other server; its port. */
  async listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('tlsClientError', () => {});
    server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(port, host, 1_024, resolve));
    this.#closers.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return portOf(server);
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

export interface Pair {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority, and certificates of it: good, expired, for another name; and one of its own. */
export interface Certificates {
  readonly ca: string;
  readonly good: Pair;
  readonly soon: Pair;
  readonly expired: Pair;
  readonly wrongName: Pair;
  readonly selfSigned: Pair;
}

/** Made with openssl(1) below a temporary folder that is gone afterwards. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-tls-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...argv: string[]): Promise<string> => run('openssl', argv, { cwd: folder });
  try {
    writeFileSync(at('index.txt'), '');
    writeFileSync(at('index.txt.attr'), 'unique_subject = no\n');
    writeFileSync(at('serial'), '01\n');
    writeFileSync(
      at('ca.cnf'),
      `[ca]\ndefault_ca=own\n[own]\ndir=${folder}\ndatabase=${at('index.txt')}\nserial=${at('serial')}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=any\ncopy_extensions=copy\n[any]\ncommonName=supplied\n`,
    );
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const own = ['-keyout', 'ca.key', '-out', 'ca.crt', '-days', '30', '-subj', '/CN=test CA'];
    await openssl('req', '-x509', ...ec, ...own);
    const issue = async (name: string, san: string, from: string, to: string): Promise<Pair> => {
      const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${san}`];
      await openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, ...subject);
      const dates = ['-startdate', from, '-enddate', to];
      const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-notext'];
      const by = ['-cert', 'ca.crt', '-keyfile', 'ca.key'];
      await openssl('ca', '-batch', '-config', 'ca.cnf', ...by, ...files, ...dates);
      return {
        key: readFileSync(at(`${name}.key`), 'utf8'),
        cert: readFileSync(at(`${name}.crt`), 'utf8'),
      };
    };
    const day = (days: number): string =>
      new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
    const here = 'IP:127.0.0.1,DNS:localhost,DNS:good.test';
    const pair = {
      good: await issue('good', here, day(-1), day(20)),
      soon: await issue('soon', here, day(-1), day(5)),
      expired: await issue('expired', here, day(-9), day(-2)),
      wrongName: await issue('other', 'DNS:other.test', day(-1), day(20)),
    };
    const self = ['-keyout', 'self.key', '-out', 'self.crt', '-days', '30', '-subj', '/CN=self'];
    await openssl('req', '-x509', ...ec, ...self, '-addext', `subjectAltName=${here}`);
    const selfSigned = {
      key: readFileSync(at('self.key'), 'utf8'),
      cert: readFileSync(at('self.crt'), 'utf8'),
    };
    return { ca: readFileSync(at('ca.crt'), 'utf8'), ...pair, selfSigned };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Names are those of the hosts file given, or of the name server given. */
export function contextOf(
  more: { ca?: string; servers?: readonly string[]; hosts?: string; tryMs?: number } = {},
): ProbeContext {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-names-'));
  writeFileSync(join(folder, 'hosts'), more.hosts ?? '127.0.0.1 good.test\n');
  writeFileSync(join(folder, 'resolv.conf'), '');
  const resolver = new NameResolver({
    clock: systemClock,
    servers: more.servers ?? ['127.0.0.1:9'],
    hostsFile: join(folder, 'hosts'),
    resolvFile: join(folder, 'resolv.conf'),
    ...(more.tryMs !== undefined && { tryMs: more.tryMs }),
  });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return { clock: systemClock, resolver, ...(more.ca !== undefined && { ca: more.ca }) };
}

export function httpEndpoint(more: Partial<HttpEndpoint> & { readonly url: string }): HttpEndpoint {
  return {
    name: 'shop',
    kind: 'http',
    intervalMs: 5_000,
    timeoutMs: 5_000,
    method: 'GET',
    headers: {},
    secretHeaders: {},
    body: undefined,
    expectedStatus: [{ min: 200, max: 299 }],
    regex: undefined,
    maxRedirects: 0,
    verifyTls: true,
    ...more,
  };
}
