import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer as createTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import type { HttpEndpoint } from '../../src/checks/http/probe.ts';
import { httpProber } from '../../src/checks/http/probe.ts';
import type { ProbeResult } from '../../src/model/probe.ts';
import {
  type Certificates,
  contextOf,
  httpEndpoint,
  makeCertificates,
  Servers,
} from './endpoint-servers.ts';

const servers = new Servers();
let certificates: Certificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => servers.close());

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const goOn = 'HTTP/1.1 100 Continue\r\n\r\n';
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';

async function probeOnce(url: string, more: Partial<HttpEndpoint> = {}): Promise<ProbeResult> {
  const prober = httpProber(httpEndpoint({ url, ...more }), contextOf({ ca: certificates.ca }));
  try {
    return await prober.probe();
  } finally {
    prober.close();
  }
}

/** What a probe says of a server that writes this, in pieces 20 ms apart, when a request has come. */
async function said(pieces: readonly (string | Buffer)[], more: Partial<HttpEndpoint> = {}) {
  const answer = (socket: Socket): void =>
    void socket.once('data', () => {
      pieces.forEach((piece, n) => {
        const write = (): void => {
          if (socket.writable) socket.write(piece);
          if (n === pieces.length - 1) socket.end();
        };
        if (n === 0) write();
        else setTimeout(write, n * 20);
      });
    });
  const plain = await probeOnce(`http://127.0.0.1:${await servers.tcp(answer)}/`, more);
  const port = await servers.tls(certificates.good, answer);
  const tls = await probeOnce(`https://127.0.0.1:${port}/`, more);
  assert.deepEqual([tls.fault, tls.reason, tls.status], [plain.fault, plain.reason, plain.status]);
  return `${plain.fault ?? 'up'} ${plain.status ?? 0} ${plain.reason}`;
}

test('interim answers before the answer, asked for or not, whole or in pieces, are no fault', async () => {
  assert.equal(await said([goOn + ok]), 'up 200 ');
  assert.equal(await said([goOn, ok]), 'up 200 ');
  assert.equal(await said([goOn + hints + goOn, ok]), 'up 200 ');
  assert.equal(await said(['HTTP/1.1 10', '0 Continue\r\n', '\r\nHTTP/1', ok.slice(6)]), 'up 200 ');
  assert.equal(await said(['H', ok.slice(1)]), 'up 200 ');
  assert.equal(await said([goOn]), 'closed 0 closed (transfer)');
  const body = `HTTP/1.1 200 OK\r\nContent-Length: ${goOn.length}\r\n\r\n${goOn}`;
  assert.equal(await said([body], { regex: '^HTTP/1.1 100 Continue' }), 'up 200 ');
});

/** The reason, and how much the server could send, MB. */
async function flooded(start: string, piece: string): Promise<readonly [string, number]> {
  let sent = 0;
  const many = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)));
  const port = await servers.tcp((socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(many)) sent += many.length;
    };
    socket.once('data', () => {
      socket.write(start);
      more();
    });
    socket.on('drain', more);
  });
  const { reason } = await probeOnce(`http://127.0.0.1:${port}/`);
  return [reason, sent / 1e6];
}

test('floods of interim answers and of chunk extensions are ended, not read for the whole time limit', async () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;';
  const table: readonly (readonly [string, string, string])[] = [
    ['', goOn, 'interim answers (1xx) without end'],
    ['', hints, 'interim answers (1xx) without end'],
    ['HTTP/1.1 103 Early Hints\r\nA: ', 'a', 'interim answers (1xx) without end'],
    [head, 'a', 'no end of the answer within 8 MiB'],
  ];
  for (const [start, piece, want] of table) {
    const [reason, sentMb] = await flooded(start, piece);
    assert.equal(reason, want);
    assert.ok(sentMb < 60, `${sentMb} MB were sent`);
  }
});

test('what is wrong with an answer is said in words that help', async () => {
  for (const status of ['0', '001', '099']) {
    const answer = `HTTP/1.1 ${status} X\r\nContent-Length: 2\r\n\r\nok`;
    assert.equal(await said([answer]), 'garbage 0 not HTTP (Invalid status code)');
  }
  const upgrade = 'HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';
  assert.equal(
    await said([upgrade]),
    'garbage 0 a change of protocol (101) that was not asked for',
  );
  assert.match(await said(['SSH-2.0-x\r\n']), /^garbage 0 not HTTP \(Expected HTTP/);
  const colon = 'HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n';
  assert.match(await said([colon]), /^garbage 0 not HTTP \(Invalid header token\)$/);
});

test('a regex that is not found, and why: a long body, a compressed one', async () => {
  const answer = (body: Buffer, headers = ''): Buffer =>
    Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n`),
      body,
    ]);
  const found = { regex: 'needle' };
  const long = Buffer.from(`${'a'.repeat(262_144)}needle`);
  assert.equal(
    await said([answer(long)], found),
    'regex 200 the regex is not found in the first 256 KiB of the body',
  );
  assert.equal(
    await said([answer(gzipSync('needle'), 'Content-Encoding: gzip\r\n')], found),
    'regex 200 the regex is not found in the body, which is compressed (gzip)',
  );
  assert.equal(
    await said([answer(gzipSync('needle'), 'Content-Encoding: \x1b[31m, gzip\r\n')], found),
    'garbage 0 not HTTP (Invalid header value char)',
  );
  assert.equal(
    await said([answer(Buffer.from('hay'), 'Content-Encoding: x" y\r\n')], found),
    'regex 200 the regex is not found in the body, which is compressed',
  );
  assert.equal(
    await said([answer(Buffer.from('hay'), 'Content-Encoding: identity\r\n')], found),
    'regex 200 the regex is not found in the body',
  );
});

test('a body is read in the encoding that its header names', async () => {
  const answer = (body: Buffer, type: string): Buffer =>
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`,
      ),
      body,
    ]);
  const greeting = { regex: '^Grüße$' };
  const latin = Buffer.from('Grüße', 'latin1');
  const wide = Buffer.from('Grüße', 'utf16le');
  const bom = Buffer.from('\ufeffGrüße');
  assert.equal(await said([answer(latin, 'text/html; charset=ISO-8859-1')], greeting), 'up 200 ');
  assert.equal(await said([answer(latin, 'text/html;charset="latin1"')], greeting), 'up 200 ');
  assert.equal(await said([answer(wide, 'text/plain; charset=utf-16le')], greeting), 'up 200 ');
  assert.equal(await said([answer(Buffer.from('Grüße'), 'text/plain')], greeting), 'up 200 ');
  assert.equal(await said([answer(bom, 'text/plain; charset=UTF-8')], greeting), 'up 200 ');
  assert.equal(
    await said([answer(Buffer.from('Grüße'), 'text/plain; charset=no-such')], greeting),
    'up 200 ',
  );
  assert.match(await said([answer(latin, 'text/plain')], greeting), /^regex 200 /);
});

test('a header that is sent twice is one list', async () => {
  const twice = (line: string, status = '200 OK'): string =>
    `HTTP/1.1 ${status}\r\n${line}\r\n${line}\r\nContent-Length: 2\r\n\r\nok`;
  assert.equal(
    await said([twice('Content-Encoding: gzip')], { regex: 'no' }),
    'regex 200 the regex is not found in the body, which is compressed',
  );
  assert.equal(await said([twice('Content-Type: text/plain')], { regex: '^ok$' }), 'up 200 ');
  const location = twice('Location: ftp://x/', '302 Found');
  assert.match(await said([location], { maxRedirects: 1 }), /^redirect 302 /);
  assert.equal(await said([twice('__proto__: x')], { regex: '^ok$' }), 'up 200 ');
});

test('TLS that ends after the handshake is down, not unknown', async () => {
  const { key, cert } = certificates.good;
  const listen = (more: object): Promise<number> =>
    servers.listen(createTls({ key, cert, ...more }, (socket) => void socket.resume()));
  const asks = { requestCert: true, rejectUnauthorized: true, ca: certificates.ca };
  const mutual = await probeOnce(`https://127.0.0.1:${await listen(asks)}/`);
  assert.deepEqual(
    [mutual.fault, mutual.reason],
    ['tls', 'no TLS (a client certificate is asked for)'],
  );
  const plain = await servers.tcp((socket) => void socket.once('data', () => socket.end(ok)));
  const wrong = await probeOnce(`https://127.0.0.1:${plain}/`);
  assert.deepEqual([wrong.fault, wrong.reason], ['tls', 'no TLS (the answer is not TLS)']);
  const ciphers = 'ALL:@SECLEVEL=0';
  const old = await listen({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers });
  const { fault, reason } = await probeOnce(`https://127.0.0.1:${old}/`);
  assert.deepEqual(
    [fault, reason],
    ['tls', 'no TLS (no version in common; 1.2 and 1.3 are spoken)'],
  );
  const other = await probeOnce(`https://127.0.0.1:${await listen({ ALPNProtocols: ['h2'] })}/`);
  assert.equal(other.reason, 'no TLS (HTTP/1.1 is not spoken)');
});

test('where a kept connection stays silent, no further one is kept: it does not go up and down', async () => {
  let connections = 0;
  const port = await servers.tcp((socket) => {
    connections += 1;
    socket.once('data', () => void socket.write(ok));
  });
  const endpoint = httpEndpoint({ url: `http://127.0.0.1:${port}/`, timeoutMs: 300 });
  const prober = httpProber(endpoint, contextOf());
  const reasons: string[] = [];
  for (let n = 0; n < 6; n++) reasons.push((await prober.probe()).reason);
  prober.close();
  assert.deepEqual(reasons, ['', 'timeout (first byte)', '', '', '', '']);
  assert.equal(connections, 5);
});
