import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { SourceError } from '../../src/restart/contract.ts';
import { mysqlSource } from '../../src/restart/sources/mysql.ts';
import type { MysqlOptions } from '../../src/restart/sources/mysql-errors.ts';
import type { SourceOptions, TableSource } from '../../src/restart/sources/options.ts';
import { freeze } from '../freeze.ts';
import { type MariaDb, mariaDb } from '../mariadb.ts';
import { clock, ending, keeperInMemory, names, only } from './sourcing.ts';

let db: MariaDb;
let plain: MariaDb;
const open: TableSource[] = [];

before(async () => {
  [db, plain] = await Promise.all([mariaDb(), mariaDb('--skip-ssl')]);
  for (const server of [db, plain]) {
    await server.sql(`CREATE USER agent IDENTIFIED BY 'right'; GRANT ALL ON monitor.* TO agent`);
  }
  await db.sql(
    `CREATE USER careful IDENTIFIED BY 'right' REQUIRE SSL; GRANT ALL ON monitor.* TO careful`,
  );
});
after(async () => {
  for (const source of open.splice(0)) await source.close();
  await Promise.all([db?.close(), plain?.close()]);
});
beforeEach(async () => {
  for (const source of open.splice(0)) await source.close();
  for (const server of [db, plain]) {
    await server.tables();
    await server.sql(
      `INSERT INTO PROCESE VALUES (1, 'web'); INSERT INTO STATUS_PROCESS VALUES (1, 1, 0, NULL)`,
    );
  }
});

function source(options: Partial<MysqlOptions & SourceOptions> = {}): TableSource {
  const made = mysqlSource({
    clock,
    hostName: 'tester',
    host: 'localhost',
    port: db.port,
    user: 'agent',
    password: { reveal: () => 'right' },
    database: db.database,
    tls: 'off',
    connect_timeout: 20_000,
    query_timeout: 20_000,
    ...options,
  });
  open.push(made);
  return made;
}

/** Whether the connections of that user are encrypted, as the server sees it. */
async function ciphers(user: string, server: MariaDb): Promise<string[]> {
  await server.sql(`CREATE OR REPLACE VIEW seen AS SELECT 1 AS one`);
  const rows = await server.sql(`SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?`, [
    user,
  ]);
  const [status] = await server.sql(`SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'`);
  return [`${rows.length > 0}`, String(status?.['Value'])];
}

const works: readonly { name: string; options: () => Partial<MysqlOptions>; encrypted: boolean }[] =
  [
    { name: 'off', options: () => ({}), encrypted: false },
    { name: 'preferred', options: () => ({ tls: 'preferred' }), encrypted: true },
    { name: 'required', options: () => ({ tls: 'required' }), encrypted: true },
    {
      name: 'required by the user',
      options: () => ({ tls: 'required', user: 'careful' }),
      encrypted: true,
    },
    { name: 'verify', options: () => ({ tls: 'verify', ca_file: db.ca }), encrypted: true },
    {
      name: 'preferred where none is offered',
      options: () => ({ tls: 'preferred', port: plain.port }),
      encrypted: false,
    },
    {
      name: 'a socket',
      options: () => ({ socket: db.socket, tls: 'preferred' }),
      encrypted: false,
    },
    {
      name: 'a socket, encrypted',
      options: () => ({ socket: db.socket, tls: 'required' }),
      encrypted: true,
    },
    { name: 'IPv6', options: () => ({ host: '::1', tls: 'required' }), encrypted: true },
  ];
for (const { name, options, encrypted } of works) {
  test(`tls ${name}: ${encrypted ? 'encrypted' : 'plain'}`, async () => {
    const [, before] = await ciphers('agent', db);
    const one = source(options());
    const alarm = only(await one.poll());
    assert.equal(await one.claim(alarm), true);
    await one.settle(alarm, ending(true));
    const [isThere, accepted] = await ciphers(
      options().user ?? 'agent',
      options().port === plain.port ? plain : db,
    );
    assert.equal(isThere, 'true', 'the connection is kept');
    if (options().port === plain.port) assert.equal(accepted, '0');
    else assert.equal(Number(accepted) > Number(before), encrypted);
  });
}

const refused: readonly { name: string; options: () => Partial<MysqlOptions>; says: RegExp }[] = [
  {
    name: 'required and not offered',
    options: () => ({ tls: 'required', port: plain.port }),
    says: /^The database offers no TLS and database\.tls is required.*\(HANDSHAKE_NO_SSL_SUPPORT\)\.$/,
  },
  {
    name: 'off where the user must come encrypted',
    options: () => ({ user: 'careful' }),
    says: /database\.tls where this user must come encrypted/,
  },
  {
    name: 'verify with another authority',
    options: () => ({ tls: 'verify', ca_file: db.otherCa }),
    says: /certificate is not trusted: check database\.ca_file/,
  },
  {
    name: 'verify without the authority',
    options: () => ({ tls: 'verify' }),
    says: /certificate is not trusted/,
  },
  {
    name: 'verify with a name that is not in the certificate',
    options: () => ({ socket: db.socket, tls: 'verify', ca_file: db.ca, host: 'db.example' }),
    says: /certificate is not trusted/,
  },
  {
    name: 'verify with an address',
    options: () => ({ tls: 'verify', ca_file: db.ca, host: '127.0.0.1' }),
    says: /set database\.host to the name/,
  },
  {
    name: 'verify with a file that is not there',
    options: () => ({ tls: 'verify', ca_file: '/nowhere/ca.pem' }),
    says: /^database\.ca_file "\/nowhere\/ca\.pem" cannot be read \(ENOENT\)\.$/,
  },
];
for (const { name, options, says } of refused) {
  test(`tls ${name}: refused`, async () => {
    await assert.rejects(source(options()).poll(), (error) => {
      assert.ok(error instanceof SourceError);
      assert.match(error.message, says);
      assert.ok(!error.message.includes('right'));
      return error.kind === 'refused';
    });
  });
}

test('nothing there, no socket, an unknown host: down', async () => {
  const nowhere: readonly Partial<MysqlOptions>[] = [
    { host: '127.0.0.1', port: 1 },
    { socket: '/nowhere/server.sock' },
    { host: 'no-such-host.invalid' },
  ];
  for (const options of nowhere) {
    await assert.rejects(source(options).poll(), (error) => {
      assert.ok(error instanceof SourceError);
      assert.match(error.message, /^The database at "[^"]+" cannot be used: .*\([A-Z_]+\)\.$/);
      return error.kind === 'down';
    });
  }
});

/** Accepts, says what it is told to, and nothing more. */
async function mute(
  greeting: Buffer | undefined,
): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (greeting) socket.write(greeting);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { server, port: address.port, sockets };
}

const greetings: readonly { name: string; greeting: Buffer | undefined }[] = [
  { name: 'never says a word', greeting: undefined },
  { name: 'speaks HTTP', greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') },
  {
    name: 'is full',
    greeting: Buffer.from([
      0x17,
      0,
      0,
      0,
      0xff,
      0x10,
      0x04,
      ...Buffer.from('Too many connections'),
    ]),
  },
  { name: 'sends a packet of nothing', greeting: Buffer.from([0, 0, 0, 0]) },
];
for (const { name, greeting } of greetings) {
  test(`a server that accepts and ${name} is down within the time limit`, async () => {
    const { server, port, sockets } = await mute(greeting);
    try {
      const one = source({ host: '127.0.0.1', port, connect_timeout: 300, query_timeout: 300 });
      for (let i = 0; i < 5; i++) {
        await assert.rejects(
          one.poll(),
          (error) => error instanceof SourceError && error.kind === 'down',
        );
      }
      await one.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
}

test('a server that hangs in the middle: down, and well when it goes on; no connection leaks', async () => {
  const one = source({ connect_timeout: 500, query_timeout: 500 });
  const alarm = only(await one.poll());
  await freeze(db.pid);
  try {
    for (let i = 0; i < 3; i++) {
      await assert.rejects(one.poll(), (error) => {
        assert.ok(error instanceof SourceError);
        assert.match(error.message, /does not answer/);
        return error.kind === 'down';
      });
    }
  } finally {
    process.kill(db.pid, 'SIGCONT');
  }
  const patient = source();
  assert.equal(only(await patient.poll()).id, alarm.id);
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      assert.equal(only(await one.poll()).id, alarm.id);
      break;
    } catch (error) {
      assert.ok(error instanceof SourceError && performance.now() < deadline, String(error));
    }
  }
});

test('killed (SIGKILL) in the middle of a repair and back: written down once, by the source itself', async () => {
  const keeper = keeperInMemory();
  const one = source({ keeper });
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  await db.kill();
  await assert.rejects(
    one.settle(alarm, ending(true)),
    (error) => error instanceof SourceError && error.kind === 'down',
  );
  await assert.rejects(one.poll(), SourceError);
  assert.match(keeper.text, /repaired after/);
  await one.close();
  await db.start();
  // As after a restart of the agent, too: the ending was kept.
  const again = source({ keeper });
  assert.deepEqual(await again.poll(), []);
  const [row] = await db.sql('SELECT alarma, notes FROM STATUS_PROCESS');
  assert.equal(row?.['alarma'], 0);
  assert.equal(String(row?.['notes']).match(/repaired/g)?.length, 1);
  assert.deepEqual(await db.sql('SELECT * FROM UNITWATCH_CLAIM'), []);
  assert.doesNotMatch(keeper.text, /repaired after/);
});

test('a source outlives its server: killed and back between two polls', async () => {
  const one = source({ socket: db.socket });
  const alarm = only(await one.poll());
  assert.equal(await one.claim(alarm), true);
  await db.kill();
  await assert.rejects(one.poll(), SourceError);
  await db.start();
  const deadline = performance.now() + 60_000;
  let seen: string[] = [];
  while (seen.length === 0) {
    assert.ok(performance.now() < deadline);
    seen = names(await one.poll().catch(() => []));
  }
  assert.deepEqual(seen, ['web']);
  assert.equal(await one.claim(alarm), true, 'its claim is on disk');
  await one.settle(alarm, ending(true));
  assert.deepEqual(await one.poll(), []);
});

test('closing twice, and using what is closed', async () => {
  const one = source();
  await one.poll();
  await one.close();
  await one.close();
  await assert.rejects(one.poll(), SourceError);
});
