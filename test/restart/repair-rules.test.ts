import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/collector/system-clock.ts';
import { Dependencies } from '../../src/dependencies.ts';
import { repairRules } from '../../src/repair-rules.ts';
import { configOf } from '../config/reading.ts';
import { unit } from '../deps/units.ts';

test('aliases and order are known when dependencies have been read, and that is told', async () => {
  const { config } = await configOf('restart: { enabled: true, never_restart: [mariadb] }\n');
  let read = 0;
  const dependencies = new Dependencies({
    ...{ config, clock: systemClock, follows: () => true, onDraft: () => {} },
    log: { warn: (_fields, message) => assert.fail(message) },
    onRead: () => {
      read += 1;
    },
  });
  const rules = repairRules(config, {
    graph: () => dependencies.units,
    ...{ checks: () => [], rootOf: () => undefined, ownUnit: '' },
  });
  const names = ['app.service', 'mariadb.service'];
  const versions = [rules.orderVersion?.(), rules.orderVersion?.()];
  assert.equal(versions[0], versions[1]);
  assert.equal(rules.never(rules.canonical('mysql.service')), false);
  dependencies.begin('257');
  dependencies.unit({ ...unit('mariadb.service'), aliases: ['mysql.service'] });
  dependencies.unit(unit('app.service'));
  assert.equal(read, 0);
  dependencies.end();
  assert.equal(read, 1);
  assert.equal(rules.never(rules.canonical('mysql.service')), true);
  assert.deepEqual(rules.order(names).get('app.service'), []);
  versions.push(rules.orderVersion?.());
  dependencies.unit(unit('app.service', 'Requires=mariadb.service After=mariadb.service'));
  assert.deepEqual(rules.order(names).get('app.service'), ['mariadb.service']);
  versions.push(rules.orderVersion?.());
  assert.equal(new Set(versions).size, 3, versions.join());
  assert.equal(rules.orderVersion?.(), versions.at(-1));
});
