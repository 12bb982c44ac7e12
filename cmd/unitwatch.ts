#!/usr/bin/env -S node --max-semi-space-size=1
import type { CommandIo } from './io.ts';
import { packageVersion } from './version.ts';

type Command = (argv: readonly string[], io: CommandIo) => Promise<number>;

/** Each command is a file of its own, loaded only when it is the one that was asked for. */
const commands: Readonly<Record<string, { says: string; load(): Promise<Command> }>> = {
  run: {
    says: 'watch the services of a systemd: events, metrics',
    load: async () => (await import('./run.ts')).run,
  },
  demo: {
    says: 'boot a throw-away systemd with misbehaving services and watch it',
    load: async () => (await import('./demo.ts')).demo,
  },
  replay: {
    says: 'run a recording through the agent: events, always the same',
    load: async () => (await import('./replay.ts')).replay,
  },
  status: {
    says: 'show services, components, checks and open findings',
    load: async () => (await import('./status.ts')).status,
  },
  check: {
    says: 'look at everything once: the exit status says how it is',
    load: async () => (await import('./check.ts')).check,
  },
  shell: {
    says: 'a prompt to look, start, stop and restart',
    load: async () => (await import('./shell.ts')).shell,
  },
  start: {
    says: 'start a component or a unit, and what it depends on',
    load: async () => (await import('./start.ts')).start,
  },
  stop: {
    says: 'stop a component or a unit',
    load: async () => (await import('./stop.ts')).stop,
  },
  restart: {
    says: 'restart a component or a unit',
    load: async () => (await import('./restart.ts')).restart,
  },
  healthcheck: {
    says: 'ask the running agent whether it is well',
    load: async () => (await import('./healthcheck.ts')).healthcheck,
  },
  impact: {
    says: 'say what else stops or suffers when a unit stops, crashes or is restarted',
    load: async () => (await import('./impact.ts')).impact,
  },
  graph: {
    says: 'draw the dependencies of a unit, or of the host',
    load: async () => (await import('./graph.ts')).graph,
  },
  alarms: {
    says: 'list, raise or clear alarms in the database, or create its tables',
    load: async () => (await import('./alarms.ts')).alarms,
  },
  services: {
    says: 'add, list, update or remove services to be monitored',
    load: async () => (await import('./monitored.ts')).services,
  },
  callers: {
    says: 'the same of those who are told',
    load: async () => (await import('./monitored.ts')).callers,
  },
  subscriptions: {
    says: 'the same of who is told of what',
    load: async () => (await import('./monitored.ts')).subscriptions,
  },
  outages: {
    says: 'the same of planned outages',
    load: async () => (await import('./monitored.ts')).outages,
  },
  store: {
    says: 'prepare PostgreSQL for results and events, say what waits, move it',
    load: async () => (await import('./store.ts')).store,
  },
  config: {
    says: 'check, show or create the configuration; add and remove services in it',
    load: async () => (await import('./config.ts')).config,
  },
};

async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name = '', ...rest] = argv;
  if (name === '--version') {
    io.stdout.write(`unitwatch ${packageVersion()}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return (await command.load())(rest, io);
  const asked = name === '--help' || name === '-h' || name === 'help';
  if (!asked) io.stderr.write(`unitwatch: ${name ? `no command "${name}"` : 'no command'}\n\n`);
  (asked ? io.stdout : io.stderr).write(usage());
  return asked ? 0 : 2;
}

function usage(): string {
  const rows = Object.entries(commands).map(([name, { says }]) => `  ${name.padEnd(13)} ${says}\n`);
  return `Usage: unitwatch COMMAND [OPTION...]\n\n${rows.join('')}\nunitwatch COMMAND --help says more.\n`;
}

// A command whose answer could not be written did not work; a log that could not be is no matter.
let unwritten = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  unwritten ||= error.code !== 'EPIPE';
});
process.stderr.on('error', () => {});

const status = await main(process.argv.slice(2), process);
// A pipe takes 64 KiB at once, and the rest when its reader has taken that.
if (process.stdout.writableLength > 0 && !process.stdout.destroyed) {
  await new Promise<void>((resolve) => {
    process.stdout
      .once('close', resolve)
      .once('error', resolve)
      .write('', () => resolve());
  });
}
// The error of a write comes a moment after it.
await new Promise(setImmediate);
process.exitCode = unwritten && status === 0 ? 1 : status;
// Whatever still hangs (a reader that stalled, a connection) has had its time.
process.exit();
