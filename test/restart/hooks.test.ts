import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/collector/system-clock.ts';
import { Commands } from '../../src/restart/command.ts';
import type { Done } from '../../src/restart/contract.ts';
import { type Hook, Hooks } from '../../src/restart/hooks.ts';
import { until } from './settings.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const event = JSON.stringify({ event_type: 'circuit', service: "$(id); '\n", data: {} });

describe('hooks', () => {
  let folder = '';
  let server: Server;
  let url = '';
  let answer: Answer = () => {};
  const bodies: string[] = [];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'unitwatch-hooks-'));
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        bodies.push(body);
        answer(request, response, body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cret`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  /** One hook that is told one event, and how that went. */
  const fireOnce = async (hook: Hook, waits: number[] = []): Promise<Done> => {
    return hooksOf([hook], waits).fire('circuit_opened', event);
  };
  const hooksOf = (hooks: readonly Hook[], waits: number[] = []) =>
    new Hooks(hooks, {
      commands: new Commands(systemClock),
      sleep: async (ms) => {
        waits.push(ms);
      },
      random: () => 0.5,
    });
  const webhook = (more: { url?: string; timeoutMs?: number } = {}): Hook => ({
    name: 'a webhook',
    on: ['circuit_opened'],
    webhook: { url, headers: { authorization: 'Bearer t0ken' }, timeoutMs: 10_000, ...more },
  });
  const command = (text: string, timeoutMs = 10_000): Hook => ({
    name: 'a command',
    on: ['circuit_opened'],
    command: text,
    timeoutMs,
  });

  test('a command has the event on its standard input, and nowhere else', async () => {
    const text = `cat > ${folder}/in; tr '\\0' '\\n' < /proc/$$/cmdline > ${folder}/argv; env > ${folder}/env`;
    assert.deepEqual(await fireOnce(command(text)), { outcome: 'ok', reason: '' });
    assert.deepEqual(JSON.parse(readFileSync(join(folder, 'in'), 'utf8')), JSON.parse(event));
    for (const file of ['argv', 'env'])
      assert.ok(!readFileSync(join(folder, file), 'utf8').includes('$(id)'));
  });

  test('a command that fails, and one that hangs', async () => {
    assert.deepEqual(await fireOnce(command('echo no mail; exit 2')), {
      outcome: 'failed',
      reason: 'a command ended with status 2: no mail',
    });
    assert.equal((await fireOnce(command('sleep 1000', 200))).outcome, 'timeout');
  });

  test('a webhook gets the event as JSON, with its headers', async () => {
    let seen: IncomingMessage | undefined;
    answer = (request, response) => {
      seen = request;
      response.end('thanks');
    };
    bodies.length = 0;
    assert.deepEqual(await fireOnce(webhook()), { outcome: 'ok', reason: '' });
    assert.deepEqual(bodies, [event]);
    assert.deepEqual(
      [seen?.method, seen?.url, seen?.headers['content-type'], seen?.headers.authorization],
      ['POST', '/hook/s3cret', 'application/json', 'Bearer t0ken'],
    );
  });

  test('one that fails twice and then works', async () => {
    const waits: number[] = [];
    let calls = 0;
    answer = (_request, response) => {
      response.statusCode = ++calls < 3 ? 503 : 204;
      response.end();
    };
    assert.deepEqual(await fireOnce(webhook(), waits), { outcome: 'ok', reason: '' });
    assert.deepEqual(waits, [1_000, 2_000]);
  });

  test('it is given up after four attempts, and its address is not told', async () => {
    const waits: number[] = [];
    answer = (_request, response) => {
      response.statusCode = 500;
      response.end('x'.repeat(1_000_000));
    };
    assert.deepEqual(await fireOnce(webhook(), waits), {
      outcome: 'failed',
      reason: 'The webhook answers with 500. (4 attempts)',
    });
    assert.deepEqual(waits, [1_000, 2_000, 4_000]);
  });

  test('what was asked wrongly is not asked again', async () => {
    const waits: number[] = [];
    answer = (_request, response) => {
      response.statusCode = 404;
      response.end();
    };
    assert.equal((await fireOnce(webhook(), waits)).reason, 'The webhook answers with 404.');
    assert.deepEqual(waits, []);
  });

  test('a redirect is not followed', async () => {
    bodies.length = 0;
    answer = (_request, response) => {
      response.writeHead(307, { location: '/elsewhere' });
      response.end();
    };
    const { outcome, reason } = await fireOnce(webhook());
    assert.deepEqual([outcome, bodies.length], ['failed', 1]);
    assert.match(reason, /redirect \(307\), which is not followed/);
  });

  test('one that never answers, and one whose answer never ends', async () => {
    answer = () => {};
    const silent = await fireOnce(webhook({ timeoutMs: 200 }));
    assert.equal(silent.outcome, 'timeout');
    assert.match(silent.reason, /did not answer within 0\.2 s\. \(4 attempts\)/);
    answer = (_request, response) => {
      response.writeHead(200);
      response.write('x');
    };
    // It has the event, whatever else it says.
    assert.deepEqual(await fireOnce(webhook({ timeoutMs: 500 })), { outcome: 'ok', reason: '' });
  });

  test('nobody listens, or the address is none: no word of it in the reason', async () => {
    for (const wrong of [
      'http://127.0.0.1:1/s3cret',
      'http://user:s3cret@nowhere.invalid/',
      's3cret',
    ]) {
      const { outcome, reason } = await fireOnce(webhook({ url: wrong }));
      assert.equal(outcome, 'failed');
      assert.ok(!reason.includes('s3cret') && reason !== '', reason);
    }
  });

  test('a hook hears only what it is for, in order', async () => {
    answer = (_request, response) => response.end();
    bodies.length = 0;
    const hooks = hooksOf([webhook()]);
    const other = await hooks.fire('repair_failed', '{"n":0}');
    assert.deepEqual(other, { outcome: 'skipped', reason: '' });
    await Promise.all([1, 2, 3].map((n) => hooks.fire('circuit_opened', `{"n":${n}}`)));
    assert.deepEqual(bodies, ['{"n":1}', '{"n":2}', '{"n":3}']);
  });

  test('a storm is bounded; at the end what waits is told as not called', async () => {
    answer = () => {};
    const told: Done[] = [];
    const hooks = hooksOf([webhook({ timeoutMs: 500 })]);
    const fire = () => hooks.fire('circuit_opened', '{}').then((done) => told.push(done));
    const all = Array.from({ length: 100 }, fire);
    await until('those that do not fit are told', () => told.length >= 100 - 64 - 1);
    assert.equal(told.length, 100 - 64 - 1);
    assert.match(told[0]?.reason ?? '', /^a webhook was not called: 64 events wait/);
    hooks.close();
    await until('those that wait are told', () => told.length >= 99);
    assert.equal(told.length, 99);
    await fire();
    assert.match(told.at(-1)?.reason ?? '', /unitwatch is ending/);
    await Promise.all(all);
    assert.equal(told.length, 101);
  });
});
