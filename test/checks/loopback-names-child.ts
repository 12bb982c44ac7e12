/*
 * Asks for names while no name server answers, some of them when others have failed already, and
 * prints the reasons, each once, as JSON: node loopback-names-child.js
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NameResolver } from '../../src/checks/tcp/resolver.ts';
import { systemClock } from '../../src/collector/system-clock.ts';

const resolver = new NameResolver({ clock: systemClock });
const asked: ReturnType<NameResolver['lookUp']>[] = [];
for (let n = 0; n < 40; n++) {
  asked.push(resolver.lookUp(`name-${n}.test`));
  if (n % 4 === 0) await sleep(1);
}
const found = await Promise.all(asked);
const reasons = found.map((one) => ('reason' in one ? one.reason : one.addresses.join()));
process.stdout.write(JSON.stringify([...new Set(reasons)]));
resolver.close();
