import type { Event, EventType } from '../src/model/event.ts';

const envelope = {
  seq: 1,
  time: '2026-01-31T09:26:53.589793Z',
  host: 'web-17.example.org',
  service: 'nginx-backend@3.service',
  severity: 'warning',
  boot_id: '0123456789abcdef0123456789abcdef',
  invocation_id: 'fedcba9876543210fedcba9876543210',
  pid: 12_345,
  cgroup: '/system.slice/nginx-backend@3.service',
} as const;
const state = { active_state: 'active', sub_state: 'running', n_restarts: 17 } as const;
const ending = { reason: 'exit-code', result: 'exit-code', exit_code: 1 } as const;
const restart = { cause: 'automatic', count: 1, restarts_total: 17 } as const;
const finding = {
  phase: 'opened',
  finding_id: 'crash_loop:nginx-backend@3.service:1',
  evidence: { restarts: 5, window_s: 60, intervals_s: [0.4, 0.5] },
} as const;

/** One valid event of each type, with the fields that it has in practice. */
export const samples: { readonly [T in EventType]: Event & { readonly event_type: T } } = {
  started: { ...envelope, event_type: 'started', data: state },
  exited: { ...envelope, event_type: 'exited', data: { ...state, ...ending, uptime_s: 3.25 } },
  restarting: { ...envelope, event_type: 'restarting', data: { ...state, ...restart, ...ending } },
  restarted: {
    ...envelope,
    event_type: 'restarted',
    data: { ...state, ...restart, ...ending, down_s: 0.4 },
  },
  stopped: {
    ...envelope,
    event_type: 'stopped',
    data: { ...state, reason: 'clean', result: 'success', restart_canceled: true },
  },
  failed: {
    ...envelope,
    event_type: 'failed',
    data: {
      ...state,
      reason: 'core-dump',
      result: 'core-dump',
      signal: 'SIGSEGV',
      core_dump: true,
    },
  },
  missing: {
    ...envelope,
    event_type: 'missing',
    data: { state: 'missing', load_state: 'not-found' },
  },
  crash_loop: {
    ...envelope,
    event_type: 'crash_loop',
    message: 'It restarted 5 times within a minute.',
    data: finding,
  },
  periodic_crash: { ...envelope, event_type: 'periodic_crash', data: finding },
  anomaly: { ...envelope, event_type: 'anomaly', data: finding },
  memory_leak: { ...envelope, event_type: 'memory_leak', data: finding },
  alarm: {
    ...envelope,
    event_type: 'alarm',
    data: { phase: 'raised', source: 'mysql', alarm_id: 'mysql:4711', process_id: 4_711 },
  },
  control: {
    ...envelope,
    event_type: 'control',
    data: {
      action: 'start',
      asked: 'spark worker',
      outcome: 'failed',
      reason: 'its start command ended with status 3',
      output: ['no /data'],
      duration_s: 1.5,
    },
  },
  restart_step: {
    ...envelope,
    event_type: 'restart_step',
    data: {
      repair_id: 'r17',
      alarm_id: 'mysql:4711',
      step: 'restart',
      outcome: 'ok',
      attempt: 2,
      strategy: 'service',
      duration_s: 1.25,
    },
  },
  circuit: {
    ...envelope,
    event_type: 'circuit',
    data: { state: 'open', previous: 'closed', failures: 3, reset_s: 1_800 },
  },
  check: {
    ...envelope,
    event_type: 'check',
    service: 'kafka server',
    data: {
      kind: 'process',
      state: 'missing',
      previous: 'running',
      previous_s: 86_400,
      reason: '0 of 1 processes',
      results: 2,
      found: 0,
      expected: 1,
    },
  },
  notification: {
    ...envelope,
    event_type: 'notification',
    service: 'database',
    data: {
      caller: 'anna',
      state: 'down',
      phase: 'retrying',
      delivery_id: '6b1b3c0e-6c3f-4a58-9a0d-0c3f6a3f2d11',
      since: '2026-01-31T09:26:43.000000Z',
      told: '2026-01-31T09:26:53.000000Z',
      attempts: 1,
      reason: 'refused',
      failure: 'status 503',
    },
  },
  agent: {
    ...envelope,
    service: 'unitwatch',
    event_type: 'agent',
    data: { phase: 'started', version: '0.1.0', units: 300 },
  },
};

/** Events 1..n as a crash-looping host makes them; every `keptEvery`th is a finding. */
export function eventOfSeq(seq: number, keptEvery = 0): Event {
  const sample = keptEvery > 0 && seq % keptEvery === 0 ? samples.crash_loop : samples.restarting;
  return { ...sample, seq };
}
