import { compileRegex } from '../checks/regex.ts';
import { convert, listTooLong } from './convert.ts';
import {
  defaultOf,
  isCollection,
  isKey,
  type Key,
  type KeyTable,
  type ListKey,
  lookUp,
  type MapKey,
  type Surroundings,
} from './key.ts';
import { nearestName } from './nearest.ts';
import type { Entry, Raw } from './raw.ts';
import { hasControl, shown } from './shown.ts';
import { type Report, segment } from './text.ts';

/** Names of entries: those of units have at most 255 characters, and nothing is called more. */
const MAX_NAME = 255;
/** Unknown keys for which the right name is sought: of later ones only their place is told. */
export const MAX_HINTS = 50;

/** What the reading of one configuration knows. */
export interface Reading {
  readonly around: Surroundings;
  /** Unknown keys so far. */
  unknown: number;
  /** Regular expressions that are still to be compiled, with those who want to know of a fault. */
  readonly regexes: Map<string, ((fault: string) => void)[]>;
}

/** One reading, at its start. */
export function newReading(around: Surroundings): Reading {
  return { around, unknown: 0, regexes: new Map() };
}

/** Compiles the regular expressions as the code does that will use them, and reports the faults. */
export async function compileRegexes({ regexes }: Reading): Promise<void> {
  for (const [source, tellers] of regexes) {
    const compiled = await compileRegex(source);
    if ('fault' in compiled) for (const tell of tellers) tell(compiled.fault);
  }
  regexes.clear();
}

/** The value that `raw` stands for, also of maps and lists; undefined and a report for none. */
export function convertEntry(key: Key, raw: Raw, report: Report, reading: Reading): unknown {
  if (!isCollection(key)) {
    return convert(key, raw, report, (source) => {
      const tellers = reading.regexes.get(source) ?? [];
      tellers.push((fault) => report({ what: shown(fault, 200), raw: placeOf(raw) }));
      reading.regexes.set(source, tellers);
    });
  }
  return key.type === 'map-of'
    ? toMap(key, raw, report, reading)
    : toRecordList(key, raw, report, reading);
}

function toMap(
  key: MapKey,
  raw: Raw,
  report: Report,
  reading: Reading,
): ReadonlyMap<string, unknown> | undefined {
  if (raw.kind !== 'section') {
    const what =
      raw.kind === 'nothing'
        ? 'has no value; write {} for none, or remove the key to keep the default'
        : 'must be a section of names';
    report({ what, raw });
    return undefined;
  }
  if (raw.entries.length > key.max) {
    report({ what: listTooLong(key.max, raw.entries.length), raw });
    return undefined;
  }
  const values = new Map<string, unknown>();
  for (const { name, nameOffset, value } of raw.entries) {
    const fault = nameFault(name);
    if (fault) report({ what: `has ${fault}`, raw: { kind: 'nothing', offset: nameOffset } });
    const inside = within(segment(name), key.of, report);
    const at = value.kind === 'nothing' ? { ...value, offset: nameOffset } : value;
    values.set(name, toOne(key.of, at, inside, reading));
  }
  return Object.freeze(values);
}

/** What is wrong with the name of an entry, after `has`. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'an entry without a name';
  if (name.length > MAX_NAME) return `a name of more than ${MAX_NAME} characters`;
  return hasControl(name) ? 'a name with control characters' : undefined;
}

function toRecordList(
  key: ListKey,
  raw: Raw,
  report: Report,
  reading: Reading,
): readonly unknown[] | undefined {
  if (raw.kind !== 'list') {
    const what =
      raw.kind === 'nothing'
        ? 'has no value; write [] for an empty list, or remove the key to keep the default'
        : 'must be a list';
    report({ what, raw });
    return undefined;
  }
  if (raw.items.length > key.max) {
    report({ what: listTooLong(key.max, raw.items.length), raw });
    return undefined;
  }
  return Object.freeze(
    raw.items.map((item, i) => toOne(key.of, item, within(segment(i), key.of, report), reading)),
  );
}

/** What is reported of an entry has its place before its own. */
function within(place: string, of: Key | KeyTable, report: Report): Report {
  return (wrong) =>
    report({
      ...wrong,
      path: place + (wrong.path ?? ''),
      ...(wrong.key === undefined && isKey(of) && { key: of }),
    });
}

function toOne(of: Key | KeyTable, raw: Raw, report: Report, reading: Reading): unknown {
  return isKey(of) ? convertEntry(of, raw, report, reading) : toRecord(of, raw, report, reading);
}

/** An object with a value at each key of the table. */
function toRecord(table: KeyTable, raw: Raw, report: Report, reading: Reading): object | undefined {
  if (raw.kind !== 'section' && raw.kind !== 'nothing') {
    report({ what: 'is a section; its keys stand below it', raw });
    return undefined;
  }
  const entries = raw.kind === 'section' ? raw.entries : [];
  const given = new Map<string, Entry>();
  for (const entry of entries) {
    if (lookUp(table, entry.name)) given.set(entry.name, entry);
    else reportUnknown(table, entry, report, reading);
  }
  const place = placeOf(raw);
  const values = Object.entries(table).map(([name, node]): [string, unknown] => {
    const entry = given.get(name);
    const inside = within(segment(name), node, report);
    if (entry) return [name, toOne(node, entry.value, inside, reading)];
    if (!isKey(node)) return [name, toRecord(node, place, inside, reading)];
    if (node.required) inside({ what: 'is missing', raw: place });
    return [name, defaultOf(node, reading.around)];
  });
  return Object.freeze(Object.fromEntries(values));
}

/** Where it stands, without what stands there. */
function placeOf({ offset }: Raw): Raw {
  return { kind: 'nothing', ...(offset !== undefined && { offset }) };
}

function reportUnknown(table: KeyTable, entry: Entry, report: Report, reading: Reading): void {
  const seek = ++reading.unknown <= MAX_HINTS;
  report({
    what: 'is no key of unitwatch',
    raw: { kind: 'nothing', offset: entry.nameOffset },
    path: segment(entry.name),
    meant: seek ? nearestName(entry.name, Object.keys(table)) : undefined,
  });
}
