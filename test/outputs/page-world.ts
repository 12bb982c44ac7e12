import { detailPicture } from '../../src/deps/detail-picture.ts';
import type { CheckView } from '../../src/model/check.ts';
import type { Draft, Event } from '../../src/model/event.ts';
import { Stamp } from '../../src/model/stamp.ts';
import type {
  DependencyPicture,
  OpenFinding,
  OutageView,
  RepairView,
  ServiceStatus,
  StatusView,
} from '../../src/model/status.ts';
import { serviceStatus } from '../../src/model/status.ts';
import { rfc3339 } from '../../src/model/time.ts';
import type { UnitState } from '../../src/model/unit.ts';
import type { HttpOutput } from '../../src/outputs/http.ts';
import type { Acted, Actions, PageContext } from '../../src/outputs/page/context.ts';
import { History } from '../../src/outputs/page/history.ts';
import { pageRoutes } from '../../src/outputs/page/routes.ts';
import { testView, unitView } from './agent-view.ts';
import { nowUs, serve } from './http-client.ts';

export const token = 'a-token-for-tests-0123456789';

/** Names that try to be markup, script, another name, or longer than everything. */
export const hostileNames: readonly string[] = [
  '<script>window.broken=1</script>.service',
  '"><img src=x onerror=window.broken=1>.service',
  "' onmouseover='window.broken=1.service",
  '</title><svg onload=window.broken=1>.service',
  '&lt;b&gt;&amp;.service',
  'left\u202eecivres.txt.service',
  'line\nfeed\ttab\u0000nul.service',
  'zero\u200bwidth\u00adhyphen.service',
  'half\ud800character.service',
  'dev-disk-by\\x2duuid@1.service',
  'a/b?c#d%41 e+f.service',
  '{{7*7}}`x`$(id).service',
  `${'long'.repeat(62)}.service`,
  'grün-日本-🙂.service',
];

/** A small host for the page: what it shows can be changed while it is being looked at. */
export class World {
  services: ServiceStatus[] = [];
  checks: CheckView[] = [];
  findings: OpenFinding[] = [];
  repairs: RepairView[] = [];
  outages: OutageView[] = [];
  pictures = new Map<string, DependencyPicture>();
  bus: StatusView['bus'] = 'connected';
  checkedUs = nowUs - 42_000_000;
  /** Every action asked for, as `restart web.service`. */
  asked: string[] = [];
  refreshes = 0;
  /** What a full check finds out. */
  onRefresh: () => void | Promise<void> = () => undefined;
  onAction: () => Acted | Promise<Acted> = () => ({ ok: true, sentence: 'It was done.' });
  readonly history = new History();
  readonly listeners = new Set<(event: Event) => void>();
  readonly #stamp = new Stamp('web-17.example.org', '');

  service(name: string, state: Partial<UnitState> = {}, more: Partial<ServiceStatus> = {}): void {
    const unit = unitView(
      name,
      {
        activeState: 'active',
        subState: 'running',
        activeEnterUs: nowUs - 93_784_000_000,
        stateChangeUs: nowUs - 93_784_000_000,
        mainPid: 4_711,
        ...state,
      },
      { cgroup: `/system.slice/${name}` },
    );
    this.services = this.services.filter((one) => one.name !== name);
    this.services.push({ ...serviceStatus(unit), ...more });
  }

  check(name: string, more: Partial<CheckView> = {}): void {
    this.checks = this.checks.filter((one) => one.name !== name);
    this.checks.push({
      name,
      kind: 'process',
      state: 'running',
      sinceUs: nowUs - 7_200_000_000,
      checkedUs: this.checkedUs,
      durationUs: 12_000,
      reason: '',
      dependsOn: [],
      found: 1,
      expected: 1,
      pids: [4_711],
      outage: false,
      ...more,
    });
  }

  finding(service: string, more: Partial<OpenFinding> = {}): void {
    this.findings.push({
      id: `crash_loop:${service}:1`,
      pattern: 'crash_loop',
      service,
      severity: 'error',
      sentence: 'It restarted 17 times within 10 minutes, each time after about 3 s.',
      openedUs: nowUs - 600_000_000,
      acknowledged: false,
      ...more,
    });
  }

  /** Something happened: the history and everybody who listens are told. */
  tell(draft: Draft): void {
    const event = this.#stamp.event(draft);
    this.history.event(event);
    for (const listener of this.listeners) listener(event);
  }

  /** `service` fails at `timeUs`, on the page and in the events. */
  fail(service: string, timeUs = nowUs): void {
    this.service(service, {
      activeState: 'failed',
      subState: 'failed',
      result: 'exit-code',
      activeEnterUs: 0,
      stateChangeUs: timeUs,
      mainPid: 0,
    });
    this.tell(failed(service, timeUs));
  }

  status(): StatusView {
    const { bus, checkedUs, services, checks, findings, repairs, outages } = this;
    return {
      ...{ host: 'web-17.example.org', version: '1.2.3', timeUs: nowUs },
      ...{ bus, checkedUs, services, checks, findings, repairs, outages },
    };
  }

  context(options: Partial<PageContext> = {}): PageContext {
    const act =
      (verb: string) =>
      async (name: string): Promise<Acted> => {
        this.asked.push(`${verb} ${name}`);
        return await this.onAction();
      };
    const actions: Actions = {
      start: act('start'),
      stop: act('stop'),
      restart: act('restart'),
      acknowledge: act('acknowledge'),
      refresh: async () => {
        this.refreshes += 1;
        await this.onRefresh();
        this.checkedUs = nowUs;
      },
    };
    return {
      status: () => this.status(),
      service: (name) => {
        const service = this.services.find((one) => one.name === name);
        const checks = this.checks.filter((one) => one.name === name || one.unit === name);
        if (service === undefined && checks.length === 0) return undefined;
        const picture = this.pictures.get(name);
        return {
          name,
          timeUs: nowUs,
          ...(service !== undefined && { service }),
          checks,
          findings: this.findings.filter((one) => one.service === name),
          history: this.history.of(name),
          ...(picture !== undefined && { dependencies: picture }),
        };
      },
      subscribe: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
      actions,
      token,
      clock: { realtimeUs: () => nowUs, monotonicUs: () => performance.now() * 1_000 },
      ...options,
    };
  }

  /** A server with the page of this world. */
  serve(options: Partial<PageContext> = {}): Promise<HttpOutput> {
    return serve(testView(), { routes: pageRoutes(this.context(options)) });
  }
}

export function failed(service: string, timeUs = nowUs): Draft {
  return {
    time: rfc3339(timeUs),
    service,
    event_type: 'failed',
    severity: 'error',
    data: {
      active_state: 'failed',
      sub_state: 'failed',
      n_restarts: 5,
      reason: 'exit-code',
      result: 'exit-code',
      exit_code: 1,
      uptime_s: 3.25,
    },
  };
}

/** A host with something of everything. */
export function busyWorld(): World {
  const world = new World();
  for (const name of ['web', 'queue', 'mail', 'cron', 'ssh']) world.service(`${name}.service`);
  world.service('getty@tty1.service', {}, { slice: 'system-getty.slice' });
  world.service('backup.timer', { subState: 'waiting' }, { slice: '' });
  world.service('tidy.service', { activeState: 'inactive', subState: 'dead', activeEnterUs: 0 });
  world.service(
    'worker.service',
    { activeState: 'activating', subState: 'auto-restart', activeEnterUs: 0 },
    { restarts: { automatic: 17, manual: 2, unitwatch: 0 }, changedUs: nowUs - 3_000_000 },
  );
  world.finding('worker.service');
  world.finding('queue.service', {
    id: 'memory_leak:queue.service:1',
    pattern: 'memory_leak',
    severity: 'warning',
    sentence: 'Its memory has grown by 12 MB an hour for 9 h 20 min, and reaches its limit in 4 h.',
  });
  world.check('kafka server');
  world.check('spark master', { state: 'missing', found: 0, reason: '0 of 1 processes' });
  world.check('processor gyroscope', {
    state: 'degraded',
    reason: 'waits for spark master',
    dependsOn: ['spark master', 'kafka server'],
  });
  world.check('kafka mirror', { dependsOn: ['kafka server'], elsewhere: ['kafka server'] });
  world.check('sampler', {
    state: 'unknown',
    reason: 'not looked yet',
    dependsOn: ['processor gyroscope'],
  });
  world.check('grafana', { kind: 'http', state: 'down', outage: true, reason: 'refused' });
  world.repairs.push(
    { process: 'spark master', state: 'waiting', reason: 'The last attempt failed.', attempt: 2 },
    { process: 'grafana', state: 'raised', reason: '', attempt: 0 },
  );
  world.outages.push({ name: 'update', untilUs: nowUs + 3_600_000_000, checks: ['grafana'] });
  leakingQueue(world);
  crashingWorker(world);
  for (const { name } of world.checks) {
    const picture = detailPicture(undefined, world.checks, { name, isUnit: false }, 3);
    if (picture) world.pictures.set(name, picture);
  }
  world.pictures.set('queue.service', samplePicture('queue.service'));
  world.fail('db.service', nowUs - 90_000_000);
  return world;
}

function leakingQueue({ history }: World): void {
  for (let i = 0; i < 200; i++) {
    history.sample({
      service: 'queue.service',
      invocation: 'a',
      timeUs: nowUs - (200 - i) * 180_000_000,
      anonBytes: 210e6 + i * 0.6e6 + (i % 7) * 2.5e6,
      limitBytes: 400e6,
      source: 'cgroup',
    });
  }
  const event = {
    ...{ seq: 1, time: rfc3339(nowUs - 600_000_000), host: 'a', service: 'queue.service' },
    event_type: 'memory_leak',
    severity: 'warning',
    message: 'queue.service: Its memory grows.',
    data: {
      phase: 'opened',
      finding_id: 'memory_leak:queue.service:1',
      evidence: { bytes_per_hour: 12e6, observed_s: 33_600 },
    },
  } as const;
  history.event(event);
}

function crashingWorker(world: World): void {
  const state = { active_state: 'active', sub_state: 'running', n_restarts: 1 } as const;
  const start = nowUs - 3_600_000_000;
  const service = 'worker.service';
  world.tell({
    ...{ time: rfc3339(start), service, severity: 'info', event_type: 'started', data: state },
  });
  for (let i = 0; i < 17; i++) {
    const at = start + 1_800_000_000 + i * 90_000_000;
    const ending = { reason: 'signal', result: 'signal', signal: 'SIGSEGV' } as const;
    world.tell({
      ...{ time: rfc3339(at), service, severity: 'warning', event_type: 'exited' },
      data: { ...state, ...ending, uptime_s: 60 },
    });
    world.tell({
      ...{ time: rfc3339(at + 30_000_000), service, severity: 'info', event_type: 'restarted' },
      data: { ...state, cause: 'automatic', count: 1, restarts_total: i + 1, down_s: 30 },
    });
  }
}

function samplePicture(root: string): DependencyPicture {
  const needs = ['network.target', 'db.service', 'cache.service', 'queue.socket', 'mnt-data.mount'];
  const users = ['web.service', 'worker.service', 'report@nightly.service'];
  const states = ['up', 'failed', 'changing', 'down', 'up'] as const;
  const nodes = [root, ...needs, ...users, 'sysinit.target', 'multi-user.target'];
  return {
    nodes: nodes.map((name, i) => ({
      ...{ name, kind: 'unit', state: i === 0 ? 'up' : (states[i % 5] ?? 'up') },
    })),
    edges: [
      ...needs.map((to, i) => ({
        ...{ from: root, to, kind: i % 2 === 0 ? 'Requires' : 'Wants', hard: i % 2 === 0 },
      })),
      ...users.map((from, i) => ({ from, to: root, kind: 'Requires', hard: i !== 1 })),
      { from: 'db.service', to: 'sysinit.target', kind: 'Requires', hard: true },
      { from: 'cache.service', to: 'sysinit.target', kind: 'Requires', hard: true },
      { from: 'multi-user.target', to: 'web.service', kind: 'Wants', hard: false },
    ],
  };
}
