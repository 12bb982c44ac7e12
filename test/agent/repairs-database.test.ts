import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { bootSystemd, type ThrowAwaySystemd } from '../../src/demo/boot.ts';
import { prepareForBeds, sleep, startUnits, until } from '../bed.ts';
import { type MariaDb, mariaDb } from '../mariadb.ts';
import { valueIn } from '../outputs/metrics-text.ts';
import { type RunningAgent, startAgent } from './agent-process.ts';
import { countedUnit, quick, Scratch, startsOf, stepped, steps } from './repairs-world.ts';

const password = 'right-s3cret';

describe('alarms in a real MariaDB', () => {
  const scratch = new Scratch();
  let bed: ThrowAwaySystemd;
  let db: MariaDb;
  const agents: RunningAgent[] = [];
  before(async () => {
    await prepareForBeds();
    [bed, db] = await Promise.all([bootSystemd(), mariaDb()]);
    await db.tables();
    await db.sql(`
      CREATE USER agent IDENTIFIED BY '${password}'; GRANT ALL ON monitor.* TO agent;
      CREATE USER reader IDENTIFIED BY '${password}'; GRANT SELECT ON monitor.* TO reader;
      CREATE USER careful IDENTIFIED BY '${password}' REQUIRE SSL; GRANT ALL ON monitor.* TO careful`);
    await startUnits(bed, {
      'shop.service': countedUnit('shop'),
      'till.service': countedUnit('till'),
    });
    await until('both run', () => startsOf(bed, 'shop') + startsOf(bed, 'till') === 2);
  });
  after(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
    await db.close();
    await bed.stop();
    scratch.remove();
  });
  beforeEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
    await db.tables();
  });
  const database = (more = '') =>
    `database: { driver: mysql, host: 127.0.0.1, port: ${db.port}, user: agent, password: ${password}, database: monitor, connect_timeout: 2s, query_timeout: 2s${more} }\n`;
  const restart = (processes: readonly string[] = []) =>
    `
restart:
  enabled: true
  check_interval: 1s
  budget: { max_restarts_per_hour: 1000, max_restarts_at_once: 8 }
  default: ${quick}
  processes: ${processes.length === 0 ? '{}' : ''}
${processes.map((line) => `    ${line}`).join('\n')}
`;
  const startWith = async (file: string, text: string): Promise<RunningAgent> => {
    // It holds a password.
    writeFileSync(scratch.at(file), text, { mode: 0o600 });
    const isConfig = (word: string) => word.endsWith('/unitwatch.yaml');
    const agent = await startAgent({
      bus: bed.busAddress,
      env: { UNITWATCH_STATE_DIRECTORY: scratch.at(`${file}-state`) },
      wrap: (argv) => argv.map((word) => (isConfig(word) ? scratch.at(file) : word)),
    });
    agents.push(agent);
    return agent;
  };
  const start = (config: string, name = 'state') => startWith(`${name}.yaml`, config);
  const raise = async (id: number, name: string | Buffer) => {
    await db.sql('INSERT INTO PROCESE VALUES (?, ?)', [id, name]);
    await db.sql('INSERT INTO STATUS_PROCESS VALUES (?, 1, 0, NULL)', [id]);
  };
  const row = async (id: number) =>
    (await db.sql('SELECT alarma, notes FROM STATUS_PROCESS WHERE process_id = ?', [id]))[0];

  test('a row, a restart, a passing health check, a cleared row with a note', async () => {
    const before = startsOf(bed, 'shop');
    const agent = await start(database() + restart());
    await raise(1, 'shop');
    await stepped(agent, 'shop', 'settled ok');
    await until('its row is cleared', async () => (await row(1))?.['alarma'] === 0);
    assert.match(String((await row(1))?.['notes']), /repaired with one restart/);
    assert.equal(startsOf(bed, 'shop'), before + 1);
  });

  test('a user who may only read: repaired once, over a restart of the agent, until it goes', async () => {
    const before = startsOf(bed, 'till');
    const config = `${database().replace('user: agent', 'user: reader')}${restart()}`;
    const agent = await start(config, 'reader');
    await raise(1, 'till');
    await stepped(agent, 'till', 'settled ok');
    await sleep(2_500);
    assert.match(agent.log(), /may not change STATUS_PROCESS: rows are not cleared/);
    await agent.stop();
    const second = await start(config, 'reader');
    await sleep(2_500);
    assert.equal(startsOf(bed, 'till'), before + 1);
    await db.sql('UPDATE STATUS_PROCESS SET alarma = 0');
    await sleep(2_000);
    await db.sql('UPDATE STATUS_PROCESS SET alarma = 1');
    await stepped(second, 'till', 'settled ok');
    assert.equal((await row(1))?.['alarma'], 1);
  });

  test('TLS where the user must come encrypted; a wrong password is said, and not shown', async () => {
    const careful = (more: string) =>
      `${database(more).replace('user: agent', 'user: careful')}${restart()}`;
    const plain = await start(careful(', tls: off'), 'plain');
    await until('it is said', () => plain.log().includes('Alarms of mysql cannot be read'));
    assert.match(plain.log(), /database\.tls/);
    const lines = await plain.metrics();
    assert.equal(valueIn(lines, 'unitwatch_alarm_source_up', { source: 'mysql' }), 0);
    const encrypted = await start(careful(', tls: required'), 'encrypted');
    await raise(1, 'shop');
    await stepped(encrypted, 'shop', 'settled ok');
    const wrong = await start(database().replace(password, 'wr0ng-s3cret') + restart(), 'wrong');
    await until('it is said', () =>
      /check database\.user and database\.password/.test(wrong.log()),
    );
    for (const agent of agents) assert.doesNotMatch(agent.log(), /s3cret/);
  });

  test('the database is killed in the middle of a repair, and back later', async () => {
    const marker = scratch.at('slow');
    const agent = await start(
      database() +
        restart([
          'slow job:',
          '  restart_strategy: custom',
          `  restart_command: "echo restart >> ${marker}; sleep 1"`,
        ]),
      'killed',
    );
    await raise(1, 'slow job');
    await until('the restart runs', () => scratch.lines('slow').length === 1, 20_000);
    await db.kill();
    try {
      await stepped(agent, 'slow job', 'settled ok');
      await until('it is said', () => agent.log().includes('Alarms of mysql cannot be read'));
      await sleep(1_500);
    } finally {
      await db.start();
    }
    await until('its row is cleared', async () => (await row(1))?.['alarma'] === 0, 60_000, 200);
    await until('it is said', () => agent.log().includes('can be read again'), 60_000);
    assert.deepEqual(scratch.lines('slow'), ['restart']);
    assert.match(String((await row(1))?.['notes']), /repaired with one restart/);
  });

  test('two agents, one database, 100 alarms: each is repaired once', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `job ${i}`);
    const processes = names.flatMap((name) => [
      `${name}:`,
      '  restart_strategy: custom',
      `  restart_command: "echo ${name} >> ${scratch.at('jobs')}"`,
    ]);
    const config = database() + restart(processes);
    const both = await Promise.all([start(config, 'first'), start(config, 'second')]);
    await db.sql(
      names
        .map(
          (name, i) =>
            `INSERT INTO PROCESE VALUES (${i}, '${name}'); INSERT INTO STATUS_PROCESS VALUES (${i}, 1, 0, NULL);`,
        )
        .join(''),
    );
    const left = async () =>
      Number((await db.sql('SELECT COUNT(*) AS n FROM STATUS_PROCESS WHERE alarma = 1'))[0]?.['n']);
    await until('all rows are cleared', async () => (await left()) === 0, 90_000, 200);
    await sleep(1_500);
    assert.deepEqual([...scratch.lines('jobs')].sort(), [...names].sort());
    const settled = both.map(
      (agent) => names.filter((name) => steps(agent, name).includes('settled ok')).length,
    );
    assert.equal(
      settled.reduce((sum, n) => sum + n, 0),
      100,
      `${settled}`,
    );
  });

  test('hostile names: nothing is built from them, and the others are repaired', async () => {
    const pwned = scratch.at('pwned');
    const hostile = [
      `; touch ${pwned}`,
      `$(touch ${pwned})`,
      `\`touch ${pwned}\``,
      `a\ntouch ${pwned}\n`,
      '../../../../bin/sh',
      '/etc/passwd',
      "' OR 1=1; DROP TABLE PROCESE; --",
      '%n%s%i.service',
      '',
    ];
    await db.sql('ALTER TABLE PROCESE MODIFY process_name VARBINARY(255)');
    for (const [i, name] of hostile.entries()) await raise(i + 1, name);
    await raise(50, Buffer.alloc(255, 0xff));
    await db.sql('INSERT INTO PROCESE VALUES (51, NULL)');
    await db.sql('INSERT INTO STATUS_PROCESS VALUES (51, 1, 0, NULL), (52, 1, 0, NULL)');
    await db.sql('INSERT INTO STATUS_PROCESS VALUES (53, NULL, NULL, NULL)');
    const before = startsOf(bed, 'shop');
    const agent = await start(database() + restart(), 'hostile');
    await raise(99, 'shop');
    await stepped(agent, 'shop', 'settled ok');
    await sleep(1_500);
    assert.equal(startsOf(bed, 'shop'), before + 1);
    assert.ok(!existsSync(pwned));
    for (const name of hostile)
      assert.ok(!steps(agent, name).some((step) => step.startsWith('restart ')), name);
    assert.equal((await db.sql('SELECT COUNT(*) AS n FROM PROCESE'))[0]?.['n'], 12);
  });

  test('an old config.ini, as it is', async () => {
    const text = [
      '[database]',
      'host = 127.0.0.1',
      `port = ${db.port}   # of the test`,
      'user = agent',
      `password = ${password}`,
      'database = monitor',
      '[monitor]',
      'check_interval = 1 # seconds',
      'max_restart_failures = 3',
      '[process.default]',
      'restart_strategy = auto',
      '[process.till]',
      'restart_strategy = service',
      'system_name = till',
      `pre_restart_command = echo before >> ${scratch.at('ini')}  # a note`,
      '',
    ].join('\n');
    const before = startsOf(bed, 'till');
    const agent = await startWith('config.ini', text);
    await raise(7, 'till');
    await stepped(agent, 'till', 'settled ok');
    assert.equal(startsOf(bed, 'till'), before + 1);
    assert.deepEqual(scratch.lines('ini'), ['before']);
    await until('its row is cleared', async () => (await row(7))?.['alarma'] === 0);
  });
});
