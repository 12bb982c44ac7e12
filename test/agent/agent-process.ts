import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Event, EventType } from '../../src/model/event.ts';
import { until } from '../bed.ts';
import { type Line, parse, valueIn } from '../outputs/metrics-text.ts';
import { eventOfLine } from '../validate.ts';

/** The built command. */
export const command = fileURLToPath(new URL('../../cmd/unitwatch.js', import.meta.url));

/** The options that the command gives to Node in its first line. */
export const nodeOptions: readonly string[] =
  readFileSync(command, 'utf8').split('\n', 1)[0]?.match(/--\S+/g) ?? [];

/**
 * The command line that runs `argv` as another user, who may read every file all the same: the
 * repository may lie in a folder that is closed to others. Writing, and so connecting to a socket,
 * takes the permission that it takes.
 */
export function asUser(uid: number, argv: readonly string[]): string[] {
  const readAll = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  const user = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return ['setpriv', ...user, ...readAll, '--', ...argv];
}

/** The highest user that every Linux has: `nobody`. */
export const nobody = 65_534;

export interface AgentSettings {
  /** A D-Bus address, `system` or `user`. */
  readonly bus: string;
  /** Text of the configuration file; empty for the defaults. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the command line in another way: inside a bed, as another user. */
  readonly wrap?: (argv: readonly string[]) => readonly string[];
  /** No `--config`: where it runs it cannot see this machine's /tmp. */
  readonly configless?: boolean;
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real agent in a process of its own; its standard output is a real pipe. */
export interface RunningAgent {
  readonly pid: number;
  /** Every event read so far, in order; each has been validated. */
  events(): readonly Event[];
  /** What it has written to standard error. */
  log(): string;
  /** The configuration file, to be written anew before a reload. */
  readonly configFile: string;
  metrics(): Promise<Line[]>;
  /** Status and body of a page. */
  page(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** The test stops reading the pipe, and reads again. */
  stopReading(): void;
  readAgain(): void;
  /** Closes the pipe: whoever writes to it gets EPIPE. */
  closePipe(): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  /** SIGTERM, unless it has ended; resolves when it has and all that it wrote is read. */
  stop(): Promise<Ended>;
}

/** Starts `unitwatch run` and waits until it watches. */
export async function startAgent(settings: AgentSettings): Promise<RunningAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'unitwatch-agent-'));
  const configFile = join(folder, 'unitwatch.yaml');
  writeFileSync(configFile, settings.config ?? '');
  const pipe = await openPipe(folder);
  const argv = [process.execPath, ...nodeOptions, command, 'run', '--bus', settings.bus];
  const config = settings.configless === true ? [] : ['--config', configFile];
  const options = [...config, '--listen', '127.0.0.1:0'];
  const [file = '', ...rest] = (settings.wrap ?? ((same) => same))([...argv, ...options]);
  const child = spawn(file, rest, {
    env: { PATH: process.env['PATH'], UNITWATCH_STATE_DIRECTORY: folder, ...settings.env },
    stdio: ['ignore', pipe.writeEnd, 'pipe'],
    // A wrapper like nsenter stays in between: a signal goes to all of them.
    detached: settings.wrap !== undefined,
  });
  closeSync(pipe.writeEnd);
  const agent = runningAgent(child, pipe.reader, configFile, settings.wrap !== undefined);
  try {
    const watches = () => /"msg":"Watching /.test(agent.log()) || child.exitCode !== null;
    await until('the agent watches', watches, 20_000);
    assert.equal(child.exitCode, null, agent.log());
  } catch (error) {
    await agent.stop();
    throw error;
  }
  return agent;
}

/** Starts an agent for one test and stops it whatever happens. */
export async function withAgent<T>(
  settings: AgentSettings,
  use: (agent: RunningAgent) => Promise<T>,
): Promise<T> {
  const agent = await startAgent(settings);
  try {
    return await use(agent);
  } finally {
    await agent.stop();
  }
}

interface Pipe {
  readonly reader: Socket;
  readonly writeEnd: number;
}

/** What a shell's `|` makes; spawn's own 'pipe' would be a socket. */
async function openPipe(folder: string): Promise<Pipe> {
  const path = join(folder, 'pipe');
  await new Promise<void>((resolve, reject) => {
    execFile('mkfifo', [path], (error) => (error ? reject(error) : resolve()));
  });
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  rmSync(path);
  return { reader: new Socket({ fd: readEnd, readable: true, writable: false }), writeEnd };
}

function runningAgent(
  child: ChildProcess,
  reader: Socket,
  configFile: string,
  wrapped: boolean,
): RunningAgent {
  const events: Event[] = [];
  const chunks: Buffer[] = [];
  let log = '';
  reader.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const readToEnd = new Promise<void>((resolve) => {
    reader.on('close', () => resolve());
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal }));
  });
  void ended.then(() => rmSync(dirname(configFile), { recursive: true, force: true }));
  const pid = child.pid ?? assert.fail('it was not started');
  const port = () => Number(/"listen":\{[^}]*"port":(\d+)/.exec(log)?.[1]);
  const page = (path: string) => readPage(port(), path);
  const kill = (signal: NodeJS.Signals) => {
    if (wrapped) process.kill(-pid, signal);
    else child.kill(signal);
  };
  return {
    pid,
    configFile,
    events() {
      takeLines(chunks, events);
      return events;
    },
    log: () => log,
    page,
    metrics: async () => parse((await page('/metrics')).body),
    stopReading: () => reader.pause(),
    readAgain: () => reader.resume(),
    closePipe: () => reader.destroy(),
    kill,
    ended,
    async stop() {
      reader.resume();
      if (child.exitCode === null && child.signalCode === null) kill('SIGTERM');
      const how = await ended;
      await readToEnd;
      return how;
    },
  };
}

/** Moves whole lines out of the chunks; what is left of the last one stays. */
function takeLines(chunks: Buffer[], events: Event[]): void {
  const bytes = Buffer.concat(chunks);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end === 0) return;
  chunks.splice(0, chunks.length, bytes.subarray(end));
  for (const line of bytes.toString('utf8', 0, end - 1).split('\n')) events.push(eventOfLine(line));
}

function readPage(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(10_000);
    get({ host: '127.0.0.1', port, path, agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** Events of one type about one unit. */
export function eventsOf<T extends EventType>(
  events: readonly Event[],
  type: T,
  unit: string,
): Extract<Event, { event_type: T }>[] {
  return events.filter(
    (event): event is Extract<Event, { event_type: T }> =>
      event.event_type === type && event.service === unit,
  );
}

/** Waits for such an event, and answers the last one. */
export async function heard<T extends EventType>(
  agent: RunningAgent,
  type: T,
  unit: string,
  count = 1,
  timeoutMs = 10_000,
): Promise<Extract<Event, { event_type: T }>> {
  const found = () => eventsOf(agent.events(), type, unit);
  try {
    await until(`${count} ${type} of ${unit}`, () => found().length >= count, timeoutMs);
  } catch (error) {
    const told = agent.events().filter((event) => event.service === unit);
    throw new Error(`${error}; told of ${unit}: ${told.map(summary).join(', ') || 'nothing'}`);
  }
  return found().at(-1) ?? assert.fail('it was there');
}

/** `exited exit-code`: an event in two words. */
function summary(event: Event): string {
  const reason: unknown = Reflect.get(event.data, 'reason') ?? Reflect.get(event.data, 'cause');
  return `${event.event_type}${reason === undefined ? '' : ` ${String(reason)}`}`;
}

/** Everything that was told about a unit, in two words each. */
export function story(agent: RunningAgent, unit: string): string[] {
  return agent
    .events()
    .filter((event) => event.service === unit && !isFinding(event))
    .map(summary);
}

/** `unitwatch_service_restarts_total` of a unit. */
export function restartsIn(
  lines: readonly Line[],
  name: string,
  cause: 'automatic' | 'manual' | 'unitwatch',
): number | undefined {
  return valueIn(lines, 'unitwatch_service_restarts_total', { name, cause });
}

/** The state that `unitwatch_service_state` gives a unit. */
export function stateIn(lines: readonly Line[], name: string): string | undefined {
  return lines.find(
    (line) =>
      line.name === 'unitwatch_service_state' && line.labels['name'] === name && line.value === 1,
  )?.labels['state'];
}

/** What the detectors say of a unit is not what happened to it. */
export function isFinding(event: Event): boolean {
  return 'finding_id' in event.data;
}
