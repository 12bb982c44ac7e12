/**
 * The checks of the bench in a process of their own: a JSON of endpoints in the file that is its
 * argument. At the end of its standard input it says as JSON how it went.
 */
import { readFileSync } from 'node:fs';
import { EndpointChecks } from '../../src/checks/endpoints.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { httpEndpoint } from './endpoint-servers.ts';

interface Plan {
  readonly ca: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly urls: readonly string[];
}

const plan: Plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const outcomes: Record<string, number> = {};
const checks = new EndpointChecks({
  endpoints: plan.urls.map((url, n) =>
    httpEndpoint({
      name: `endpoint ${n}`,
      url,
      intervalMs: plan.intervalMs,
      timeoutMs: plan.timeoutMs,
    }),
  ),
  thresholds: { down: 1, up: 1, graceUs: 0 },
  clock: systemClock,
  onChange: () => {},
  onResult: ({ fault = 'up' }) => {
    outcomes[fault] = (outcomes[fault] ?? 0) + 1;
  },
  ca: plan.ca,
});
checks.start();
process.stdout.write('started\n');
process.stdin.resume();
process.stdin.once('end', () => {
  const { latenessMaxSeconds, late, skipped, lateness } = checks.stats();
  const { bounds, counts } = lateness;
  const histogram = [...counts].map((count, at) => [bounds[at] ?? 'more', count]);
  const said = JSON.stringify({ latenessMaxSeconds, late, skipped, outcomes, histogram });
  process.stdout.write(`${said}\n`, () => process.exit(0));
});
