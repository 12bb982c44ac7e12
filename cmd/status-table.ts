import type { Writable } from 'node:stream';
import { humanDuration } from '../src/model/time.ts';
import { columnsOf, fit, pad, printable } from '../src/outputs/terminal-text.ts';
import type { Chosen, Row, Tone } from './status-rows.ts';
import { stateWord } from './status-rows.ts';
import type { Told } from './status-told.ts';

/** What a table is drawn on. */
export interface Terminal {
  /** Infinity where nobody says: nothing is cut. */
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  readonly isTerminal: boolean;
}

/** Narrower than one letter and its mark there is nothing to show. */
const columnsMin = 10;

export function terminalOf(
  stdout: Writable,
  env: Readonly<Record<string, string | undefined>>,
): Terminal {
  const isTerminal = 'isTTY' in stdout && stdout.isTTY === true;
  const size = (name: 'columns' | 'rows'): number => {
    const value: unknown = Reflect.get(stdout, name);
    // A terminal that does not know its size says 0.
    return isTerminal && typeof value === 'number' && value > 0 ? value : Number.POSITIVE_INFINITY;
  };
  return {
    columns: Math.max(columnsMin, size('columns')),
    rows: size('rows'),
    colour: isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    isTerminal,
  };
}

/** SGR codes, ECMA-48 8.3.117. */
const colours: Readonly<Record<Tone, string>> = { bad: '31', warn: '33', good: '32', calm: '90' };
const headColour = '1';

/** What the columns are called, and the least width of the terminal at which each is shown. */
const columns = [
  { head: 'STATE', from: 0, most: 14, text: ({ state }: Row) => state },
  { head: 'KIND', from: 60, most: 9, text: ({ kind }: Row) => kind },
  { head: 'NAME', from: 0, most: 60, text: ({ name }: Row) => name },
  { head: 'FOR', from: 40, most: 12, text: ({ since }: Row, nowMs: number) => ago(since, nowMs) },
  { head: 'NOTE', from: 40, most: Number.POSITIVE_INFINITY, text: ({ note }: Row) => note },
] as const;
/** Of a narrow terminal, the part that names may have, so that notes have room. */
const nameShare = 0.4;

/** The headline, the table, what is not in it, and the notes; no line is wider than the terminal. */
export function tableLines(
  told: Told,
  { rows, others }: Chosen,
  notes: readonly string[],
  terminal: Terminal,
  nowMs: number,
): readonly string[] {
  const paint = (text: string, colour: string): string =>
    terminal.colour && colour !== '' && text.trim() !== '' ? `\x1b[${colour}m${text}\x1b[0m` : text;
  const whole = (text: string): string => fit(printable(text), terminal.columns);
  const shown = columns.filter(({ from }) => terminal.columns >= from);
  const cells = rows.map((row) => shown.map(({ text }) => printable(text(row, nowMs))));
  const widths = widthsOf(shown, cells, terminal.columns);
  const line = (texts: readonly string[], colour: (place: number) => string): string =>
    texts
      .map((text, place) => {
        const cut = place === texts.length - 1 ? fit : pad;
        return paint(cut(text, widths[place] ?? 0), colour(place));
      })
      .join(' ')
      .replace(/ +$/, '');
  const heads = shown.map(({ head }) => head);
  const table = cells.map((texts, i) => {
    const tone = rows[i]?.tone ?? 'calm';
    return line(texts, (place) => (place === 0 || tone === 'calm' ? colours[tone] : ''));
  });
  const left = othersLine(others);
  return [
    paint(whole(headline(told, rows)), headColour),
    ...(rows.length > 0 ? [line(heads, () => colours.calm), ...table] : []),
    ...(left === '' ? [] : [paint(whole(left), colours.calm)]),
    ...notes.map((note) => paint(whole(note), colours.warn)),
  ];
}

type Shown = (typeof columns)[number];

/** As wide as what stands in them, with a space between; the last takes what is left. */
function widthsOf(
  shown: readonly Shown[],
  cells: readonly (readonly string[])[],
  all: number,
): readonly number[] {
  const wanted = shown.map(({ head, most }, place) => {
    const widest = cells.reduce(
      (max, row) => Math.max(max, columnsOf(row[place] ?? '')),
      head.length,
    );
    // What is piped into a program is whole.
    return Number.isFinite(all) ? Math.min(widest, most) : widest;
  });
  const widths: number[] = [];
  let left = all;
  shown.forEach(({ head }, place) => {
    const isLast = place === shown.length - 1;
    const isShared = head === 'NAME' && !isLast && Number.isFinite(all);
    const cap = isShared ? Math.max(12, Math.floor(all * nameShare)) : left;
    // A narrow terminal leaves the name at least as much as the state.
    const stateCap = head === 'STATE' && all < 40 ? Math.floor(all / 2) : cap;
    const width = Math.max(0, Math.min(wanted[place] ?? 0, cap, stateCap, left));
    widths.push(width);
    left -= width + 1;
  });
  return widths;
}

/** `web-17: 2 down, 1 to look at`. */
function headline({ host, overall }: Told, rows: readonly Row[]): string {
  const count = (tone: Tone): number => rows.filter((row) => row.tone === tone).length;
  const [bad, warn] = [count('bad'), count('warn')];
  const parts = [
    bad > 0 ? `${bad} down or failing` : '',
    warn > 0 ? `${warn} to look at` : '',
    overall === 'blind' ? 'no connection to systemd' : '',
  ].filter(Boolean);
  return `${host}: ${parts.length > 0 ? parts.join(', ') : 'all is well'}`;
}

function othersLine(others: Readonly<Record<string, number>>): string {
  const entries = Object.entries(others).sort(([a], [b]) => (a < b ? 1 : -1));
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return '';
  const states = entries.map(([state, count]) => `${count} ${stateWord(state)}`).join(', ');
  return `${total} other service${total === 1 ? '' : 's'}: ${states} (--all shows them)`;
}

function ago(since: string | null, nowMs: number): string {
  if (since === null) return '';
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(since)) / 1_000));
  return seconds === 0 ? '0 s' : humanDuration(seconds * 1e6);
}
