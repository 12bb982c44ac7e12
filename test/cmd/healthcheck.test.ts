import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { journalRecords, journalSynced, show, until, withBed } from '../bed.ts';
import { testView } from '../outputs/agent-view.ts';
import { nowUs, serve } from '../outputs/http-client.ts';
import { run } from './shell-terminal.ts';

const checked = (listen: string) => run(['healthcheck', '--listen', listen]);

/** Whatever listens there while `use` runs. */
async function answering(
  listener: RequestListener,
  use: (listen: string) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('an agent that is well, and one whose bus is gone', async () => {
  const view = testView();
  const server = await serve(view);
  const listen = `127.0.0.1:${server.address.port}`;
  try {
    const well = await checked(listen);
    assert.deepEqual(well, { status: 0, out: `unitwatch at ${listen} is well.\n`, err: '' });
    view.bus = 'lost';
    view.busLostUs = nowUs - 5_000_000;
    const lost = await checked(listen);
    assert.equal(lost.status, 0);
    assert.match(lost.out, /is well, its bus is lost for the moment\.\n$/);
    view.busLostUs = nowUs - 600_000_000;
    const unwell = await checked(listen);
    assert.deepEqual([unwell.status, unwell.out], [1, '']);
    assert.match(unwell.err, /is not well: no connection to the bus for 600 s/);
  } finally {
    await server.close();
  }
  const gone = await checked(listen);
  assert.equal(gone.status, 1);
  assert.match(gone.err, /^Nobody answers at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/);
});

test('one that hangs, one that is somebody else, and one that says too much', async () => {
  const cases: readonly (readonly [RequestListener, RegExp])[] = [
    [() => {}, /did not answer within 5 s: it hangs\.\n$/],
    [(_, response) => void response.end('<h1>It works!</h1>'), /is not unitwatch\.\n$/],
    [(_, response) => void response.end('{"status":"ok"}'), /is not unitwatch\.\n$/],
    [(_, response) => void response.end('x'.repeat(100_000)), /gave no proper answer: .* longer/],
    [(request) => void request.socket.destroy(), /gave no proper answer: ECONNRESET/],
    [
      (_, response) => {
        response.statusCode = 503;
        response.end('{"status":"unhealthy","bus":"lost","reason":"a\\u001b[2Jb"}');
      },
      /is not well: a\\u\{1b\}\[2Jb\.\n$/,
    ],
  ];
  for (const [listener, says] of cases) {
    await answering(listener, async (listen) => {
      const { status, out, err } = await checked(listen);
      assert.deepEqual([status, out], [1, '']);
      assert.match(err, says);
      assert.equal(err.split('\n').length, 2, 'one sentence');
    });
  }
});

test('asked wrongly', async () => {
  const off = await checked('off');
  assert.equal(off.status, 2);
  assert.match(off.err, /`listen` is off: there is nobody to ask/);
  assert.equal((await checked('127.0.0.1:0')).status, 2);
  assert.equal((await checked('nonsense')).status, 2);
  assert.equal((await run(['healthcheck', 'now'])).status, 2);
  assert.match((await run(['healthcheck', '--help'])).out, /^Usage: unitwatch healthcheck/);
});

const repository = fileURLToPath(new URL('../../../', import.meta.url));

/** Loaded before unitwatch: its web server takes requests and answers none while a file has its PID. */
const hanging = `
import { readFileSync } from 'node:fs';
import { Server } from 'node:http';
const emit = Server.prototype.emit;
Server.prototype.emit = function (name, ...rest) {
  let hung = '';
  try { hung = readFileSync('/run/hung', 'utf8').trim(); } catch {}
  if (name === 'request' && hung === String(process.pid)) return true;
  return emit.call(this, name, ...rest);
};
`;

test('a web server that hangs is noticed, and systemd starts the agent again', async () => {
  await withBed({ binds: [repository] }, async (bed) => {
    writeFileSync(join(bed.root, 'run/hanging.mjs'), hanging);
    writeFileSync(join(bed.root, 'run/unitwatch.json'), '{}');
    const unit = 'watched.service';
    bed.writeUnit(
      unit,
      [
        '[Service]',
        'Type=notify',
        'NotifyAccess=all',
        'Environment=NODE_OPTIONS=--import=file:///run/hanging.mjs UNITWATCH_CONFIG=/run/unitwatch.json',
        `ExecStart=${process.execPath} ${join(repository, 'dist/cmd/unitwatch.js')} run`,
        'WatchdogSec=6',
        'Restart=always',
        'RestartSec=100ms',
        '',
      ].join('\n'),
    );
    await bed.systemctl('daemon-reload');
    await bed.systemctl('start', unit);
    const pid = async () => (await show(bed, unit, 'MainPID'))['MainPID'] ?? '';
    const health = () =>
      bed.exec([process.execPath, join(repository, 'dist/cmd/unitwatch.js'), 'healthcheck']);
    const first = await pid();
    assert.equal((await health()).status, 0);
    // Two watchdog times: it is fed.
    await new Promise((resolve) => setTimeout(resolve, 13_000));
    assert.equal(await pid(), first);
    writeFileSync(join(bed.root, 'run/hung'), first);
    assert.equal((await health()).status, 1, 'it hangs');
    await until(
      'it was started again',
      async () => {
        const state = await show(bed, unit, 'NRestarts', 'ActiveState', 'MainPID');
        return state['NRestarts'] === '1' && state['ActiveState'] === 'active';
      },
      60_000,
      200,
    );
    assert.notEqual(await pid(), first);
    assert.equal((await health()).status, 0);
    await journalSynced(bed);
    const said: string[] = [];
    for await (const record of journalRecords(bed, [`_SYSTEMD_UNIT=${unit}`]))
      said.push(String(record['MESSAGE']));
    assert.ok(
      said.some((line) => line.includes('own web server did not answer')),
      'the log says why',
    );
  });
});
