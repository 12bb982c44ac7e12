/*
 * Looks for two components as whoever runs it, and prints their states as JSON:
 * node hidden-child.js THEIR_WORD OWN_USER
 */
import { isPlan, planOf } from '../../src/checks/process/hosts.ts';
import { ProcessChecks } from '../../src/checks/process/process-checks.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { defaultComponent } from '../../src/model/platform.ts';

const [theirs = '', user = ''] = process.argv.slice(2);
const plan = planOf(
  {
    components: [
      { ...defaultComponent, name: 'theirs', criteria: [{ index: -1, regex: theirs }] },
      {
        ...defaultComponent,
        name: 'own',
        user,
        criteria: [{ index: 0, regex: 'no such program' }],
      },
      { ...defaultComponent, name: 'me', criteria: [{ index: 1, regex: 'hidden-child' }] },
    ],
    groups: [],
    hosts: [],
  },
  'here',
);
if (!isPlan(plan)) throw new Error(plan.reason);
const checks = new ProcessChecks({
  plan,
  addresses: () => [],
  thresholds: { down: 1, up: 1, graceUs: 0 },
  intervalMs: 60_000,
  timeoutMs: 60_000,
  lookUpUnit: () => undefined,
  clock: systemClock,
  onChange: () => {},
  uid: process.getuid?.() ?? -1,
});
const views = await checks.checkNow();
const states = views.map(({ name, state, reason }) => [name, `${state} ${reason}`.trim()]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(states))}\n`);
