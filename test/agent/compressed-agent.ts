/**
 * `unitwatch run` for tests that have no hour to wait: its first argument is JSON, what of
 * PatternSettings is other than by default.
 */
import { hostname } from 'node:os';
import { argv, env } from 'node:process';
import { parseArgs } from 'node:util';
import { openLog } from '../../cmd/log.ts';
import { Agent } from '../../src/agent.ts';
import { bootId } from '../../src/collector/collector.ts';
import { systemClock } from '../../src/collector/system-clock.ts';
import { loadConfig } from '../../src/config/load.ts';

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: { bus: { type: 'string' }, config: { type: 'string' }, listen: { type: 'string' } },
});
const overrides = [
  { path: 'bus', flag: '--bus', text: values.bus ?? '' },
  { path: 'listen', flag: '--listen', text: values.listen ?? '' },
];
const loaded = await loadConfig({ env, file: values.config, overrides });
if ('faults' in loaded) throw new Error(loaded.faults.join('\n'));
const agent = new Agent({
  config: loaded.config,
  clock: systemClock,
  random: Math.random,
  env,
  uid: process.getuid?.() ?? 0,
  host: hostname(),
  bootId: bootId(),
  timeZone: 'UTC',
  patternSettings: JSON.parse(positionals[0] ?? '{}'),
  keepState: false,
  version: 'compressed',
  log: await openLog('info'),
  output: { name: 'ndjson', fd: 1, colour: false },
});
process.once('SIGTERM', () => void agent.stop('SIGTERM'));
await agent.start();
