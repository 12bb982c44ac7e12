import { formatAddress } from '../src/config/address.ts';
import type { Config } from '../src/config/keys.ts';
import { columnsOf, fit, pad, printable } from '../src/outputs/terminal-text.ts';
import { type Answer, ask, type Listening } from './api-client.ts';
import type { CommandIo } from './io.ts';
import { terminalOf } from './status-table.ts';
import { isHeld, readTold, type Told } from './status-told.ts';

/** Each name is asked for by itself: so many questions are answered within a second. */
export const eventsMax = 100;
/** Asked at a time: the agent serves 64 connections in all. */
const atOnce = 8;
const limitMs = 5_000;
const bytes = 67_108_864;

interface Entry {
  readonly name: string;
  readonly time: string;
  readonly severity: string;
  readonly words: string;
}

/**
 * Prints the last events that the running agent remembers, oldest first; of one name, or of all. The
 * last `count` of all are those of the `count` names that changed last, so that no more are asked for.
 * @returns the exit status
 */
export async function showEvents(
  { listen }: Config,
  name: string,
  count: number,
  io: CommandIo,
): Promise<number> {
  if (listen === 'off') {
    io.stderr.write('`listen` is off: the agent, which keeps the events, cannot be asked.\n');
    return 1;
  }
  const names = name === '' ? await latestNames(listen, count) : [name];
  const found = 'wrong' in names ? names : await entriesOf(listen, names);
  if ('wrong' in found) {
    io.stderr.write(`${found.wrong}\n`);
    return 1;
  }
  const last = found.entries.sort((a, b) => (a.time < b.time ? -1 : 1)).slice(-count);
  const { columns } = terminalOf(io.stdout, io.env);
  const width = Math.min(40, Math.max(0, ...last.map((one) => columnsOf(printable(one.name)))));
  for (const entry of last) {
    const time = entry.time.slice(0, 19).replace('T', ' ');
    const parts = [time, pad(printable(entry.severity), 8), pad(printable(entry.name), width)];
    io.stdout.write(`${fit(`${parts.join(' ')} ${printable(entry.words)}`, columns)}\n`);
  }
  if (last.length === 0) io.stdout.write('The agent remembers no event.\n');
  return 0;
}

type Wrong = { readonly wrong: string };

async function latestNames(listen: Listening, count: number): Promise<readonly string[] | Wrong> {
  const answer = await ask(listen, { path: '/api/status', limitMs, bytes });
  const told = 'body' in answer && answer.status === 200 ? readTold(answer.body) : undefined;
  if (told === undefined) return { wrong: noAgent(listen, answer) };
  const times = timesOf(told).sort(([, a], [, b]) => (a < b ? 1 : -1));
  return [...new Set(times.map(([name]) => name))].slice(0, count);
}

function timesOf({ services, checks, findings }: Told): [name: string, time: string][] {
  return [
    ...services.map((one): [string, string] => [one.name, one.changed ?? '']),
    ...checks.map((one): [string, string] => [one.name, one.since ?? '']),
    ...findings.map((one): [string, string] => [one.service, one.opened ?? '']),
  ];
}

async function entriesOf(
  listen: Listening,
  names: readonly string[],
): Promise<{ readonly entries: Entry[] } | Wrong> {
  const entries: Entry[] = [];
  for (let from = 0; from < names.length; from += atOnce) {
    const some = names.slice(from, from + atOnce);
    const answers = await Promise.all(
      some.map((name) =>
        ask(listen, { path: `/api/services/${encodeURIComponent(name)}`, limitMs, bytes }),
      ),
    );
    for (const [i, answer] of answers.entries()) {
      if ('fault' in answer) return { wrong: noAgent(listen, answer) };
      if (answer.status === 200) entries.push(...readEntries(some[i] ?? '', answer.body));
      else if (names.length === 1)
        return { wrong: `The agent knows no ${printable(some[0] ?? '')}.` };
    }
  }
  return { entries };
}

function readEntries(name: string, body: string): Entry[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return [];
  }
  const history = isHeld(value) ? value['history'] : undefined;
  const list = isHeld(history) ? history['entries'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((one: unknown) => {
    if (!isHeld(one)) return [];
    const { time, severity, words } = one;
    const isEntry = [time, severity, words].every((text) => typeof text === 'string');
    return isEntry ? [{ name, time: `${time}`, severity: `${severity}`, words: `${words}` }] : [];
  });
}

function noAgent(listen: Listening, answer: Answer): string {
  const why = 'fault' in answer ? ` (${answer.reason})` : '';
  return `No agent answers at ${formatAddress(listen)}${why}: only a running one remembers events.`;
}
