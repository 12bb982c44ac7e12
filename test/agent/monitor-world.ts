import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { command, eventsOf, type RunningAgent } from './agent-process.ts';

export const token = 's3cret';
/** A state is seen, told and delivered within a few seconds; machines may be slow. */
export const waitMs = 60_000;

export async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unitwatch-monitor-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** A TCP server that can die and come back on the same port. */
export async function tcpServer(t: TestContext) {
  let server: Server | undefined;
  let port = 0;
  const come = async (): Promise<void> => {
    server = createServer((socket) => socket.on('error', () => {}).end());
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const die = async (): Promise<void> => {
    const dying = server;
    server = undefined;
    if (dying) await new Promise((resolve) => dying.close(resolve));
  };
  t.after(die);
  await come();
  return { port, come, die };
}

/** A webhook's receiver: the messages that came. */
export async function receiver(t: TestContext) {
  const messages: { caller: string; service: string; state: string }[] = [];
  const server = createHttpServer(async (request, response) => {
    messages.push(JSON.parse(await text(request)));
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, messages };
}

export function portOf(agent: RunningAgent): number {
  return Number(/"listen":\{[^}]*"port":(\d+)/.exec(agent.log())?.[1]);
}

/** Runs `unitwatch` with a configuration and the token. */
export async function unitwatch(words: readonly string[]) {
  const child = spawn(process.execPath, [command, ...words], {
    env: { PATH: process.env['PATH'], UNITWATCH_PAGE_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const [out, err] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status: child.exitCode, out, err };
}

/** The same beside the agent. */
export async function beside(folder: string, agent: RunningAgent, words: string) {
  const config = join(folder, 'client.yaml');
  await writeFile(config, `listen: 127.0.0.1:${portOf(agent)}\nstate_directory: ${folder}/none\n`);
  return unitwatch([...words.split(' '), '--config', config]);
}

/** What it prints; it must work. */
export async function cli(folder: string, agent: RunningAgent, words: string): Promise<string> {
  const { status, out, err } = await beside(folder, agent, words);
  assert.equal(status, 0, `${words}: ${err}`);
  return out;
}

/** What a caller was told of a service, in order, as far as it has arrived. */
export function toldTo(agent: RunningAgent, caller: string, service: string) {
  return eventsOf(agent.events(), 'notification', service)
    .map(({ data }) => data)
    .filter((data) => data.caller === caller && data.phase === 'sent');
}

export function statesOf(agent: RunningAgent, service: string): string[] {
  return eventsOf(agent.events(), 'check', service).map(
    ({ data }) => `${data.state}${data.outage === true ? ' in an outage' : ''}`,
  );
}

/** From a minute ago to an hour ahead, UTC. */
export function outageNow(): string {
  const wall = (ms: number): string => new Date(Date.now() + ms).toISOString().slice(0, 16);
  return `--start ${wall(-60_000)} --end ${wall(3_600_000)}`;
}
