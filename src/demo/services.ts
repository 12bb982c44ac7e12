import type { ThrowAwaySystemd } from './boot.ts';

/** Starts all of them. */
const target = 'unitwatch-demo.target';

/** Runs for a while, then ends badly, again and again. `$$$$` is the shell's own process ID. */
function crashing(description: string, script: string, restartSec: string): string {
  return `[Unit]
Description=${description}
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c '${script}'
Restart=on-failure
RestartSec=${restartSec}
LimitCORE=0
`;
}

/** Runs until it is stopped. */
function lasting(description: string, unit = ''): string {
  return `[Unit]
Description=${description}
${unit}[Service]
ExecStart=/bin/sleep infinity
`;
}

/**
 * The services of `unitwatch demo`: name to unit text. They need nothing but sh, sleep, head, tr and
 * systemctl.
 */
const services: Readonly<Record<string, string>> = {
  'crash-fast.service': crashing('Fails one second after each start', 'sleep 1; exit 1', '1s'),
  'crash-slow.service': crashing('Fails after some work', 'sleep 6; exit 3', '8s'),
  'crash-segv.service': crashing('Has a bad pointer', 'sleep 3; kill -SEGV $$$$', '4s'),
  'crash-killed.service': crashing('Is killed by somebody', 'sleep 5; kill -KILL $$$$', '5s'),

  // Five quick failures, and systemd gives up: Result=start-limit-hit or exit-code, state failed.
  'hopeless.service': `[Unit]
Description=Never starts, until systemd stops trying
StartLimitIntervalSec=60
StartLimitBurst=5
[Service]
ExecStart=/bin/sh -c 'exit 78'
Restart=on-failure
RestartSec=1s
`,

  // A megabyte a second of anonymous memory that is never given back. MemoryMax ends it after a
  // minute; where there is no memory controller, LimitDATA does: the shell then fails by itself.
  'leaky.service': `[Unit]
Description=Leaks a megabyte a second
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'while :; do set -- "$$@" "$$(head -c 327680 /dev/zero | tr "\\\\0" x)"; sleep 1; done'
Restart=on-failure
RestartSec=2s
MemoryAccounting=yes
MemoryMax=64M
LimitDATA=96M
`,

  'by-hand.service': lasting('Is restarted by hand, every 10 seconds'),
  'operator.service': `[Unit]
Description=Somebody who restarts things
[Service]
ExecStart=/bin/sh -c 'while sleep 10; do systemctl restart by-hand.service; done'
`,

  // The database dies now and then. Its restart takes along what requires it: the API, and by that
  // the web server, which is bound to it.
  'database.service': crashing('Database, dies now and then', 'sleep 12; exit 1', '2s'),
  'api.service': lasting(
    'API, needs the database',
    'Requires=database.service\nAfter=database.service\n',
  ),
  'web.service': lasting(
    'Web server, bound to the API',
    'BindsTo=api.service\nAfter=api.service\n',
  ),

  'healthy.service': lasting('Does its work'),
};

/** The units that `bootSystemd({ units })` gets for the demo. */
export const demoUnits: Readonly<Record<string, string>> = {
  ...services,
  [target]: ['[Unit]', ...Object.keys(services).map((name) => `Wants=${name}`), ''].join('\n'),
};

/** Starts the services of the demo, all at once; it does not wait until they run. */
export async function startDemoServices(systemd: ThrowAwaySystemd): Promise<void> {
  await systemd.systemctl('--no-block', 'start', target);
}
