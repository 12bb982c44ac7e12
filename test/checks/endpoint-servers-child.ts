/**
 * Servers for the bench of endpoints: for each behaviour a port, told on standard output as JSON. Ends
 * with its standard input.
 */
import { createServer as createHttp, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import { type Certificates, makeCertificates, Servers } from './endpoint-servers.ts';

const servers = new Servers();

function flood(response: ServerResponse): void {
  if (response.destroyed) return;
  if (response.write('x'.repeat(65_536))) setImmediate(flood, response);
  else response.once('drain', () => flood(response));
}

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write('x'), 100);
  response.once('close', () => clearInterval(timer));
}

const ok = (_request: object, response: ServerResponse): void => void response.end('ok');

async function main(): Promise<void> {
  const certificates: Certificates = await makeCertificates();
  const onRequest = (then: (socket: Socket) => void) => (socket: Socket) =>
    void socket.once('data', () => then(socket));
  const ports = {
    plain: await servers.listen(createHttp({ keepAliveTimeout: 60_000 }, ok)),
    tls: await servers.listen(createHttps({ ...certificates.good, keepAliveTimeout: 60_000 }, ok)),
    stalls: await servers.tcp((socket) => socket.resume()),
    resets: await servers.tcp(onRequest((socket) => socket.resetAndDestroy())),
    garbage: await servers.tcp(onRequest((socket) => socket.end('\x00\x01 garbage\r\n\r\n'))),
    endless: await servers.listen(createHttp((_request, response) => flood(response))),
    expired: await servers.listen(createHttps({ ...certificates.expired }, ok)),
    drips: await servers.listen(createHttp((_request, response) => drip(response))),
  };
  process.stdout.write(`${JSON.stringify({ ports, ca: certificates.ca })}\n`);
  process.stdin.resume();
  process.stdin.once('end', () => process.exit(0));
}

await main();
