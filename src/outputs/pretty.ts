import type { Event, EventType, Severity } from '../model/event.ts';
import { type Format, type Output, type OutputOptions, openOutput } from './output.ts';
import { fit, pad, printable } from './terminal-text.ts';
import { wordsOf } from './words.ts';

export interface PrettyOptions {
  /** Off where NO_COLOR is set, see no-color.org. */
  readonly colour: boolean;
  /** Columns of the terminal; no line is longer. */
  readonly width: number;
}

/** Columns of each part; the words take what is left. `periodic_crash` is the longest type. */
const timeColumns = 12;
const severityColumns = 8;
const typeColumns = 14;
/** The service's column, by the terminal's width. */
const serviceColumnsMin = 16;
const serviceColumnsMax = 40;
/** Wider is no terminal: `stty columns` takes up to 65,535, and a line has at most 64 KiB. */
const widthMax = 1_000;

/** SGR codes, ECMA-48 8.3.117. */
const severityColours: Readonly<Record<Severity, string>> = {
  debug: '90',
  info: '32',
  warning: '33',
  error: '31',
  critical: '1;37;41',
};
const typeColours: Readonly<Partial<Record<EventType, string>>> = {
  started: '32',
  restarted: '32',
  restarting: '33',
  exited: '33',
  stopped: '90',
  failed: '31',
  missing: '33',
  agent: '36',
};
const findingColour = '35';
const dim = '90';

/**
 * One event as one line for a terminal: time (UTC), severity, service, what happened. Nothing that
 * comes from outside can steer the terminal.
 */
export function prettyLine(event: Event, options: PrettyOptions): string {
  const width = Math.min(options.width, widthMax);
  const serviceColumns = Math.min(
    serviceColumnsMax,
    Math.max(serviceColumnsMin, Math.floor(width / 4)),
  );
  const parts: readonly (readonly [text: string, columns: number, colour: string])[] = [
    [event.time.slice(11, 23), timeColumns, dim],
    [event.severity, severityColumns, severityColours[event.severity]],
    [event.service, serviceColumns, ''],
    [event.event_type, typeColumns, typeColours[event.event_type] ?? findingColour],
    [wordsOf(event), Number.POSITIVE_INFINITY, ''],
  ];
  let line = '';
  let left = width;
  for (const [text, columns, colour] of parts) {
    const room = Math.min(columns, left);
    if (room <= 0) break;
    const shown = columns === Number.POSITIVE_INFINITY ? fit : pad;
    const cell = shown(printable(text), room);
    line += paint(cell, options.colour ? colour : '');
    left -= room + 1;
    if (left > 0 && columns !== Number.POSITIVE_INFINITY) line += ' ';
  }
  return `${line.trimEnd()}\n`;
}

function paint(text: string, colour: string): string {
  return colour === '' || text.trim() === '' ? text : `\x1b[${colour}m${text}\x1b[0m`;
}

/** Where the width is not known: what a person pipes into `less` or a file. */
const unknownWidth = 160;

const pretty: Format = (options, columns) => (event) =>
  prettyLine(event, { colour: options.colour === true, width: columns?.() ?? unknownWidth });

/** Events as aligned, coloured lines, for people. */
export function openPretty(fd: number, options: OutputOptions): Output {
  return openOutput(fd, pretty, options);
}
