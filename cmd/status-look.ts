import { systemClock } from '../src/collector/system-clock.ts';
import type { Watch } from '../src/collector/watch.ts';
import { formatAddress } from '../src/config/address.ts';
import type { Config } from '../src/config/keys.ts';
import type { CheckView } from '../src/model/check.ts';
import { type BusState, type ServiceStatus, serviceStatus } from '../src/model/status.ts';
import { statusJson } from '../src/outputs/page/json.ts';
import { ask } from './api-client.ts';
import type { Site } from './platform-site.ts';
import { readTold, type Told } from './status-told.ts';
import { packageVersion } from './version.ts';

/** How a host is, and what has to be known about that. */
export interface Look {
  /** As it is printed with `--json`. */
  readonly told: Told;
  /** What could not be looked at, one sentence each. */
  readonly notes: readonly string[];
  /** Nothing at all could be looked at. */
  readonly isBlind: boolean;
}

export interface LookOptions {
  readonly site: Site;
  readonly config: Config;
  /** Somebody named the host whose components are to be shown. */
  readonly hostNamed: boolean;
  /** Never ask an agent. */
  readonly alone: boolean;
  /** Have the agent check everything first. */
  readonly refresh: boolean;
}

/** An agent on this host answers in milliseconds; one that does not is busy or hangs. */
const agentMs = 2_000;
/** A full check is answered after 8 s at the latest. */
const refreshMs = 10_000;
/** 100,000 units with 400 bytes each are below that. */
const answerBytes = 67_108_864;

/** Asks the running agent; where none answers, looks by itself. */
export async function look(options: LookOptions): Promise<Look> {
  const { site, config, hostNamed } = options;
  const asked = options.alone ? { note: '' } : await askAgent(config, options.refresh);
  if ('note' in asked) return lookAlone(site, asked.note);
  if (!hostNamed) return { told: asked.told, notes: [], isBlind: asked.told.overall === 'blind' };
  // The agent knows the components of its own host; those of the named one are looked for here.
  const own = await lookAlone(site, '');
  const endpoints = asked.told.checks.filter(({ kind }) => kind === 'tcp' || kind === 'http');
  const checks = [...own.told.checks, ...endpoints];
  return { told: { ...asked.told, host: site.host, checks }, notes: own.notes, isBlind: false };
}

async function askAgent(
  { listen }: Config,
  refresh: boolean,
): Promise<{ readonly told: Told } | { readonly note: string }> {
  const unknown = 'open findings and the checks of TCP and HTTP are not known';
  if (listen === 'off') return { note: `Only the running agent knows more: ${unknown}.` };
  if (refresh) {
    await ask(listen, { path: '/refresh', method: 'POST', limitMs: refreshMs, bytes: answerBytes });
  }
  const answer = await ask(listen, { path: '/api/status', limitMs: agentMs, bytes: answerBytes });
  const where = formatAddress(listen);
  if ('fault' in answer) {
    const why = answer.fault === 'closed' ? '' : ` (${answer.reason})`;
    return { note: `No agent answers at ${where}${why}: ${unknown}.` };
  }
  const told = answer.status === 200 ? readTold(answer.body) : undefined;
  return told ? { told } : { note: `What answers at ${where} is no agent's status: ${unknown}.` };
}

/** One look at the units and at the processes. */
async function lookAlone(site: Site, note: string): Promise<Look> {
  const units = await site.units();
  const checks = site.components.length > 0 ? await site.checks.checkNow() : [];
  const timeUs = systemClock.realtimeUs();
  const connected = 'fault' in units ? undefined : units;
  const started = new Map(site.checks.uses().map((use) => [use.name, use.oldestStartSeconds]));
  const told = statusJson({
    host: site.host,
    version: packageVersion(),
    timeUs,
    checkedUs: timeUs,
    bus: busOf(connected),
    services: connected ? servicesOf(connected) : [],
    checks: checks.map((check) => ({ ...check, sinceUs: sinceUs(check, connected, started) })),
    findings: [],
    repairs: [],
    outages: [],
  });
  const notes = [
    note,
    'fault' in units ? `Units are not shown: ${units.fault}` : '',
    site.note,
  ].filter((one) => one !== '');
  return { told, notes, isBlind: connected === undefined && checks.length === 0 };
}

function busOf(watch: Watch | undefined): BusState {
  if (watch?.isOff === true) return 'off';
  return watch?.connected === true ? 'connected' : 'lost';
}

function servicesOf({ follower }: Watch): readonly ServiceStatus[] {
  return [...follower.table.all()].map((unit) => serviceStatus(unit));
}

/**
 * Of what was looked at once: since its oldest process or its unit runs; 0 where nobody can know,
 * as of what is degraded: its own processes do not say when another component went.
 */
function sinceUs(
  { name, state, unit }: CheckView,
  watch: Watch | undefined,
  started: ReadonlyMap<string, number>,
): number {
  if (unit !== undefined) return watch?.follower.table.get(unit)?.state.stateChangeUs ?? 0;
  return state === 'running' ? Math.round((started.get(name) ?? 0) * 1e6) : 0;
}
