/**
 * Watches a TCP port, and says when it has been down for a second, and when it is up again:
 *
 *     node monitor.js 127.0.0.1 5432
 */
import { connect } from 'node:net';
import { Monitor } from 'unitwatch/monitor';

const [host = '127.0.0.1', port = '5432'] = process.argv.slice(2);

const monitor = new Monitor({
  clock: {
    realtimeUs: () => Date.now() * 1e3,
    monotonicUs: () => performance.now() * 1e3,
  },
  random: Math.random,
  onEvent: (event) => {
    if (event.type === 'state') console.log(`${event.service} is seen ${event.state}`);
  },
});

// A kind of check: what it takes, and how one look is made.
monitor.kinds.add('port', {
  fault: (settings) =>
    settings['host'] && settings['port'] ? undefined : 'A port needs host and port.',
  open: ({ settings }) => ({
    look: () =>
      new Promise((resolve) => {
        const socket = connect(Number(settings['port']), String(settings['host']));
        const end = (state: 'up' | 'down', reason = ''): void => {
          socket.destroy();
          resolve({ state, reason });
        };
        socket.setTimeout(5_000, () => end('down', 'timeout'));
        socket.once('connect', () => end('up'));
        socket.once('error', (error) => end('down', error.message));
      }),
  }),
});

// A way of telling somebody: nothing else has to know of it.
monitor.notifications.add('console', {
  fault: () => undefined,
  send: async ({ service, state, caller }) => {
    console.log(`${caller} hears: ${service} is ${state}`);
    if (state === 'up') setImmediate(() => monitor.stop());
    return { ok: true };
  },
});

await monitor.start();
monitor.register({ name: 'database', kind: 'port', settings: { host, port } });
monitor.registerCaller({ id: 'anna', kind: 'console' });
monitor.subscribe({ caller: 'anna', service: 'database', polling_frequency: 1, grace_time: 1 });
// Nobody hears of the database while it is serviced: every Sunday from two to four.
monitor.setOutage({
  id: 'sunday',
  service: 'database',
  start: '2026-11-22T02:00',
  end: '2026-11-22T04:00',
  time_zone: 'Europe/Berlin',
  repeat: 'weekly',
});
