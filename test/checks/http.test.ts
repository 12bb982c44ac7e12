import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpEndpoint } from '../../src/checks/http/probe.ts';
import { httpProber } from '../../src/checks/http/probe.ts';
import type { ProbeResult } from '../../src/model/probe.ts';
import {
  type Certificates,
  contextOf,
  httpEndpoint,
  makeCertificates,
  type Pair,
  Servers,
} from './endpoint-servers.ts';
import { eventually } from './standing.ts';

const servers = new Servers();
let certificates: Certificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => servers.close());

/** Long enough for an answer over loopback on a slow machine; short for a test that waits for its end. */
const shortMs = 400;

async function probeOnce(
  url: string,
  more: Partial<HttpEndpoint> = {},
  context = contextOf({ ca: certificates.ca }),
): Promise<ProbeResult> {
  const prober = httpProber(httpEndpoint({ url, ...more }), context);
  try {
    return await prober.probe();
  } finally {
    prober.close();
  }
}

/** What a server sends once a request has come, byte for byte. */
function answering(text: string, then: (socket: Socket) => void = (socket) => socket.end()) {
  return (socket: Socket): void => {
    socket.once('data', () => {
      socket.write(text, 'latin1');
      then(socket);
    });
  };
}

/** It reads, so that it sees the other side go. */
const stay = (socket: Socket): void => void socket.resume();
const reset = (socket: Socket): void => void socket.resetAndDestroy();
const head = 'HTTP/1.1 200 OK\r\n';

test('what a server can do wrong, and the word for it', async () => {
  const drip = (socket: Socket): void => {
    const timer = setInterval(() => socket.write('x'), 20);
    socket.once('close', () => clearInterval(timer));
  };
  const flood = (socket: Socket): void => {
    const more = (): void => {
      if (socket.destroyed) return;
      socket.write('x'.repeat(65_536));
      setImmediate(more);
    };
    more();
  };
  const table: readonly {
    readonly name: string;
    readonly given: (socket: Socket) => void;
    readonly want: string;
    readonly more?: Partial<HttpEndpoint>;
  }[] = [
    { name: 'good', given: answering(`${head}Content-Length: 2\r\n\r\nok`), want: 'up ' },
    { name: 'HTTP/1.0', given: answering('HTTP/1.0 200 OK\r\n\r\nok'), want: 'up ' },
    {
      name: 'status',
      given: answering('HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n'),
      want: 'status status 503',
    },
    { name: 'silent', given: stay, want: 'timeout timeout (first byte)' },
    {
      name: 'half a status line',
      given: answering('HTTP/1.1 20', stay),
      want: 'timeout timeout (transfer)',
    },
    {
      name: 'half of the headers',
      given: answering(`${head}A: b\r\n`, stay),
      want: 'timeout timeout (transfer)',
    },
    {
      name: 'half a body',
      given: answering(`${head}Content-Length: 9\r\n\r\nok`, stay),
      want: 'timeout timeout (transfer)',
    },
    {
      name: 'a body that drips',
      given: answering(`${head}Content-Length: 9999\r\n\r\n`, drip),
      want: 'timeout timeout (transfer)',
    },
    {
      name: 'a reset for a request',
      given: (socket) => void socket.once('data', () => reset(socket)),
      want: 'reset reset (first byte)',
    },
    {
      name: 'a reset in the headers',
      given: answering(head, (s) => setTimeout(reset, 100, s)),
      want: 'reset reset (transfer)',
    },
    { name: 'closed at once', given: (socket) => socket.end(), want: 'closed closed (first byte)' },
    { name: 'closed after the request', given: answering(''), want: 'closed closed (first byte)' },
    {
      name: 'closed in the body',
      given: answering(`${head}Content-Length: 9\r\n\r\nok`),
      want: 'closed closed (transfer)',
    },
    {
      name: 'garbage',
      given: answering('\x00\x01\x02 SSH-2.0\r\n\r\n'),
      want: 'garbage not HTTP (Expected HTTP/, RTSP/ or ICE/)',
    },
    {
      name: 'garbage in chunks',
      given: answering(`${head}Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n`),
      want: 'garbage not HTTP (Invalid character in chunk size)',
    },
    {
      name: 'headers without end',
      given: answering(`${head}A: ${'x'.repeat(200_000)}\r\n\r\n`),
      want: 'garbage headers of more than 64 KiB',
    },
    { name: 'a body without end', given: answering(`${head}\r\n`, flood), want: 'up ' },
    {
      name: 'the regex is there',
      given: answering(`${head}\r\nall is "ok"`),
      want: 'up ',
      more: { regex: '"ok"' },
    },
    {
      name: 'the regex is not there',
      given: answering(`${head}\r\nfail`),
      want: 'regex the regex is not found in the body',
      more: { regex: 'o+k' },
    },
    {
      name: 'the regex in an endless body',
      given: answering(`${head}\r\nok`, flood),
      want: 'up ',
      more: { regex: '^ok' },
    },
    {
      name: 'another status that is expected',
      given: answering('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'),
      want: 'up ',
      more: {
        expectedStatus: [
          { min: 200, max: 299 },
          { min: 404, max: 404 },
        ],
      },
    },
    {
      name: 'a switch of protocols',
      given: answering('HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      want: 'garbage a change of protocol (101) that was not asked for',
    },
    {
      name: 'hints before the answer',
      given: answering(`HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${head}Content-Length: 0\r\n\r\n`),
      want: 'up ',
    },
  ];
  for (const { name, given, want, more } of table) {
    const port = await servers.tcp(given);
    const isStall = want.startsWith('timeout');
    const result = await probeOnce(`http://127.0.0.1:${port}/`, {
      ...(isStall && { timeoutMs: shortMs }),
      ...more,
    });
    assert.equal(`${result.fault ?? 'up'} ${result.reason}`, want, name);
  }
});

test('nobody there, no such name, no answer of the name server', async () => {
  const port = await servers.tcp(stay);
  const closed = new Servers();
  const free = await closed.tcp(stay);
  closed.close();
  const silentDns = await servers.dns();
  const said = async (url: string, context = contextOf(), timeoutMs = shortMs): Promise<string> => {
    const { fault, reason } = await probeOnce(url, { timeoutMs }, context);
    return `${fault} ${reason}`;
  };
  assert.equal(await said(`http://127.0.0.1:${free}/`), 'refused refused');
  assert.equal(await said(`https://127.0.0.1:${port}/`), 'timeout timeout (TLS)');
  assert.equal(
    await said('http://shop.test/', contextOf({ servers: [silentDns] })),
    'timeout timeout (DNS)',
  );
  assert.equal(
    await said('http://shop.test/', contextOf({ servers: [silentDns], tryMs: 20 }), 30_000),
    'dns DNS timeout',
  );
});

test('TLS: what is wrong with a certificate, and when it ends', async () => {
  const answer = answering(`${head}Content-Length: 0\r\n\r\n`);
  const port = async (pair: Pair): Promise<number> => servers.tls(pair, answer);
  const { good, expired, wrongName, selfSigned } = certificates;
  const days = ({ certificateEndUs = 0 }: ProbeResult): number =>
    Math.round((certificateEndUs / 1e3 - Date.now()) / 86_400_000);
  const table: readonly (readonly [Pair, string, number])[] = [
    [good, '', 20],
    [expired, 'the certificate has expired', -2],
    [wrongName, 'the certificate is for another name', 20],
    [selfSigned, 'the certificate is self-signed', 30],
  ];
  for (const [pair, reason, ends] of table) {
    const url = `https://127.0.0.1:${await port(pair)}/`;
    const result = await probeOnce(url);
    assert.deepEqual([result.reason, days(result), result.tls], [reason, ends, true]);
    assert.equal(result.fault, reason === '' ? undefined : 'certificate');
    const lax = await probeOnce(url, { verifyTls: false });
    assert.deepEqual([lax.up, days(lax)], [true, ends]);
  }
  const untrusted = await probeOnce(`https://127.0.0.1:${await port(good)}/`, {}, contextOf());
  assert.equal(untrusted.reason, "the certificate's issuer is not known");
});

test('TLS: a name is sent and compared; the Host header says which', async () => {
  const names: string[] = [];
  const port = await servers.tls(
    certificates.good,
    answering(`${head}Content-Length: 0\r\n\r\n`),
    (name) => names.push(name),
  );
  const context = contextOf({ ca: certificates.ca });
  const good = await probeOnce(`https://good.test:${port}/`, {}, context);
  assert.equal(good.reason, '');
  const headers = { Host: 'other.test:1' };
  const other = await probeOnce(`https://good.test:${port}/`, { headers }, context);
  assert.equal(other.reason, 'the certificate is for another name');
  assert.equal((await probeOnce(`https://127.0.0.1:${port}/`, {}, context)).reason, '');
  assert.deepEqual(names, ['good.test', 'other.test']);
});

test('TLS: resets, ends and plain text in the handshake are named', async () => {
  const said = async (each: (socket: Socket) => void): Promise<string> => {
    const port = await servers.tcp(each);
    const { fault, reason } = await probeOnce(`https://127.0.0.1:${port}/`);
    return `${fault} ${reason}`;
  };
  const onData = (then: (socket: Socket) => void) => (socket: Socket) =>
    void socket.once('data', () => then(socket));
  assert.equal(await said(onData((socket) => socket.end())), 'closed closed (TLS)');
  assert.equal(await said(onData(reset)), 'reset reset (TLS)');
  assert.match(await said(answering('HTTP/1.1 400 Bad\r\n\r\n')), /^tls no TLS \(.+\)$/);
});

test('each phase is timed, and a kept connection has no resolve, connect and tls', async () => {
  let connections = 0;
  const port = await servers.http((_request, response) => void response.end('ok'));
  const count = await servers.tcp((socket) => {
    connections++;
    socket.on('data', () => socket.write(`${head}Content-Length: 2\r\n\r\nok`));
  });
  const prober = httpProber(httpEndpoint({ url: `http://localhost:${port}/` }), contextOf());
  const first = await prober.probe();
  const second = await prober.probe();
  prober.close();
  assert.deepEqual(Object.keys(first.phaseSeconds), [
    'resolve',
    'connect',
    'first_byte',
    'transfer',
  ]);
  assert.deepEqual(Object.keys(second.phaseSeconds), ['first_byte', 'transfer']);
  assert.deepEqual([first.attempts >= 1, second.attempts, second.address], [true, 0, '127.0.0.1']);
  const sum = Object.values(first.phaseSeconds).reduce((total, seconds) => total + seconds, 0);
  assert.ok(sum <= first.durationSeconds);

  const counted = httpProber(httpEndpoint({ url: `http://127.0.0.1:${count}/` }), contextOf());
  for (let n = 0; n < 20; n++) assert.equal((await counted.probe()).reason, '');
  counted.close();
  assert.equal(connections, 1);
});

test('over TLS a connection is kept, and its certificate judged each time', async () => {
  const port = await servers.tls(certificates.good, (socket) => {
    socket.on('data', () => socket.write(`${head}Content-Length: 2\r\n\r\nok`));
  });
  let stepUs = 0;
  const context = contextOf({ ca: certificates.ca });
  const clock = { ...context.clock, realtimeUs: () => context.clock.realtimeUs() + stepUs };
  const prober = httpProber(httpEndpoint({ url: `https://127.0.0.1:${port}/` }), {
    ...context,
    clock,
  });
  const first = await prober.probe();
  assert.deepEqual(Object.keys(first.phaseSeconds), [
    'resolve',
    'connect',
    'tls',
    'first_byte',
    'transfer',
  ]);
  const second = await prober.probe();
  assert.deepEqual([second.attempts, second.certificateEndUs], [0, first.certificateEndUs]);
  stepUs = 21 * 86_400e6;
  assert.equal((await prober.probe()).reason, 'the certificate has expired');
  prober.close();
});

test('a connection that the server closes between two probes is no fault', async () => {
  const endings = [(socket: Socket) => void socket.end(), reset];
  for (const end of endings) {
    let connections = 0;
    const port = await servers.tcp((socket) => {
      const number = ++connections;
      let requests = 0;
      socket.on('data', () => {
        // The second request on the first connection meets its end instead of an answer.
        if (number === 1 && ++requests === 2) end(socket);
        else socket.write(`${head}Content-Length: 2\r\n\r\nok`);
      });
    });
    const prober = httpProber(httpEndpoint({ url: `http://127.0.0.1:${port}/` }), contextOf());
    assert.equal((await prober.probe()).reason, '');
    const second = await prober.probe();
    assert.deepEqual([second.reason, second.attempts, connections], ['', 1, 2]);
    prober.close();
  }
});

test('a connection that the server closed while nobody asked is not used again', async () => {
  const port = await servers.http((_request, response) => void response.end('ok'), 1);
  const prober = httpProber(httpEndpoint({ url: `http://127.0.0.1:${port}/` }), contextOf());
  for (let n = 0; n < 3; n++) {
    assert.equal((await prober.probe()).reason, '');
    await sleep(50);
  }
  prober.close();
});

test('what may not be asked twice goes over a connection of its own', async () => {
  let connections = 0;
  let requests = 0;
  const port = await servers.tcp((socket) => {
    connections++;
    socket.on('data', (chunk: Buffer) => {
      requests++;
      assert.match(chunk.toString(), /connection: close/i);
      socket.end(`${head}Connection: close\r\nContent-Length: 0\r\n\r\n`);
    });
  });
  const endpoint = httpEndpoint({ url: `http://127.0.0.1:${port}/`, method: 'POST', body: 'x=1' });
  const prober = httpProber(endpoint, contextOf());
  for (let n = 0; n < 3; n++) assert.equal((await prober.probe()).reason, '');
  prober.close();
  assert.deepEqual([connections, requests], [3, 3]);
});

test('redirects: followed up to a number, credentials stay with their origin', async () => {
  const seen: (string | undefined)[] = [];
  const other = await servers.http((request, response) => {
    seen.push(
      request.headers.authorization,
      request.headers['x-key']?.toString(),
      request.headers['x-plain']?.toString(),
    );
    response.end('there');
  });
  const port = await servers.http((request, response) => {
    const to = {
      '/here': '/end',
      '/there': `http://127.0.0.1:${other}/`,
      '/ftp': 'ftp://x/',
      '/bad': 'http://[',
    };
    const path = request.url ?? '';
    const location = path === '/loop' ? '/loop' : to[path as keyof typeof to];
    if (location === undefined)
      response.end(path === '/end' ? `${request.method} ${request.headers.authorization}` : '');
    else response.writeHead(302, { location }).end();
  });
  const url = `http://127.0.0.1:${port}`;
  const secretHeaders = { Authorization: 'Bearer s3cret', 'X-Key': 's3cret' };
  const all = { maxRedirects: 5, secretHeaders, headers: { 'x-plain': 'yes' } };
  const same = await probeOnce(`${url}/here`, { ...all, regex: '^GET Bearer s3cret$' });
  assert.deepEqual([same.reason, same.redirects], ['', 1]);
  const there = await probeOnce(`${url}/there`, all);
  assert.deepEqual([there.reason, there.redirects], ['', 1]);
  assert.deepEqual(seen, [undefined, undefined, 'yes']);
  const loop = await probeOnce(`${url}/loop`, all);
  assert.equal(loop.reason, 'more than 5 redirects');
  assert.equal((await probeOnce(`${url}/ftp`, all)).reason, 'redirect to ftp:');
  assert.equal((await probeOnce(`${url}/bad`, all)).reason, 'redirect to something that is no URL');
  const taken = await probeOnce(`${url}/loop`, { expectedStatus: [{ min: 302, max: 302 }] });
  assert.deepEqual([taken.reason, taken.status, taken.redirects], ['', 302, 0]);
});

test('an endless body is read up to 1 MiB', async () => {
  const port = await servers.http((_request, response) => {
    const more = (): void => {
      if (response.destroyed) return;
      response.write('x'.repeat(65_536));
      setImmediate(more);
    };
    more();
  });
  const result = await probeOnce(`http://127.0.0.1:${port}/`);
  assert.deepEqual([result.up, result.bodyCut], [true, true]);
  assert.ok((result.bodyBytes ?? 0) >= 1_048_576 && (result.bodyBytes ?? 0) < 2_097_152);
});

test('the target shows neither query nor fragment', () => {
  const { target } = httpProber(
    httpEndpoint({ url: 'https://a.test/x?token=s3cret#y' }),
    contextOf(),
  );
  assert.equal(target, 'https://a.test/x');
});

test('no descriptor is left of probes that stall, break or are closed', async () => {
  const open = (): number => readdirSync('/proc/self/fd').length;
  const stall = new Servers();
  const stalls = await stall.tcp(stay);
  const plain = await stall.http((_request, response) => void response.end('ok'));
  const secure = await stall.tls(certificates.expired, stay);
  const urls = [
    `http://127.0.0.1:${stalls}/`,
    `https://127.0.0.1:${stalls}/`,
    `http://127.0.0.1:${plain}/`,
    `https://127.0.0.1:${secure}/`,
    `https://127.0.0.1:${plain}/`,
  ];
  const context = contextOf({ ca: certificates.ca });
  const round = async (): Promise<void> => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        probeOnce(urls[n % urls.length] ?? '', { timeoutMs: shortMs }, context),
      ),
    );
    const probers = urls.map((url) => httpProber(httpEndpoint({ url }), context));
    const running = probers.map((prober) => prober.probe());
    await sleep(5);
    for (const prober of probers) prober.close();
    await Promise.all(running);
  };
  await round();
  await sleep(shortMs);
  const before = open();
  for (let n = 0; n < 3; n++) await round();
  await eventually('every descriptor to be closed', () => open() <= before);
  stall.close();
});
