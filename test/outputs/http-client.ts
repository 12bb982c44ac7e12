import { request } from 'node:http';
import { connect } from 'node:net';
import type { AgentView } from '../../src/model/view.ts';
import type { HttpOptions, HttpOutput } from '../../src/outputs/http.ts';
import { startHttp } from '../../src/outputs/http.ts';
import type { Routes } from '../../src/outputs/http-routes.ts';
import { startedUs } from './agent-view.ts';

export const nowUs = startedUs + 3_600_000_000;

/** A row for a page, which foreign host names do not get. */
export const onePage: Routes = new Map([
  [
    '/page',
    {
      title: 'A page',
      hosts: 'trusted',
      handle: (_, response) => {
        response.end('page');
      },
    },
  ],
]);

/** A server on a free port; what it reports is a failure of the test unless `report` is given. */
export function serve(view: AgentView, options: Partial<HttpOptions> = {}): Promise<HttpOutput> {
  return startHttp({
    listen: { host: '127.0.0.1', port: 0 },
    view,
    settings: {
      nodeExporterNames: false,
      systemdExporterNames: false,
      processExporterNames: false,
      compress: 'remote',
    },
    clock: { realtimeUs: () => nowUs, monotonicUs: () => nowUs },
    report: (error) => {
      throw error;
    },
    ...options,
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export function get(
  server: HttpOutput,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port } = server.address;
    request({ host, port, path, method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      );
    })
      .on('error', reject)
      .end();
  });
}

export interface Said {
  readonly text: string;
  readonly tookMs: number;
}

/** Sends bytes over a bare socket and returns what came until the server closed it. */
export function talk(server: HttpOutput, bytes: string): Promise<Said> {
  const began = performance.now();
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(server.address.port, server.address.host, () => socket.write(bytes));
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    // A reset counts as closed: the server owes a hostile client no more than that.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ text, tookMs: performance.now() - began }));
  });
}
