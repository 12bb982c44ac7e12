import { quoted, type ReadName, readId, readName } from './name.ts';
import { type Access, type AlarmRow, alarmsMax, type OddRow, oddMax } from './table.ts';
import type { RowWarning } from './warnings.ts';

/** Rows in alarm under one name: they are one alarm, that of the lowest `process_id`. */
export interface Group {
  readonly name: string;
  readonly ids: readonly [number, ...number[]];
}

/** What the rows in alarm come to. */
export interface Judged {
  readonly groups: readonly Group[];
  readonly warnings: readonly RowWarning[];
  /** Every row that is in alarm, rising, also those that nothing is done about. */
  readonly ids: readonly number[];
}

/** Alarms out of rows in alarm; a row that is odd is a warning, and nothing is done about it. */
export function judge(rows: readonly AlarmRow[]): Judged {
  const byName = new Map<string, [number, ...number[]]>();
  const warnings: RowWarning[] = [];
  const ids: number[] = [];
  for (const row of rows.slice(0, alarmsMax)) {
    const id = readId(row.id);
    if (id !== undefined) ids.push(id);
    const name = nameOf(row);
    const fault = id === undefined ? 'its process_id is no whole number' : name.fault;
    if (id === undefined || fault !== undefined) {
      warnings.push({ processId: id, sentence: leftAlone(name, fault) });
      continue;
    }
    const group = byName.get(name.text);
    if (group) group.push(id);
    else byName.set(name.text, [id]);
  }
  if (rows.length > alarmsMax) warnings.unshift(tooMany);
  return { groups: [...byName].map(([name, of]) => ({ name, ids: of })), warnings, ids };
}

const tooMany: RowWarning = {
  processId: undefined,
  sentence: `More than ${alarmsMax} processes are in alarm: the others are looked at when these are repaired.`,
};

function nameOf(row: AlarmRow): ReadName {
  if (!row.known) return { text: '', fault: 'PROCESE has no row for it' };
  if (row.name === undefined) return { text: '', fault: 'its name is NULL' };
  return readName(row.name);
}

/** The name as it was read is left out where it says nothing. */
function leftAlone({ text }: ReadName, fault = ''): string {
  const which = text.trim() === '' ? '' : ` ${quoted(text)}`;
  return `The process${which} is in alarm, but nothing is repaired: ${fault}.`;
}

const oddities: Readonly<Record<OddRow['kind'], string>> = {
  value:
    'alarma and sound of this row of STATUS_PROCESS are not both 0 or 1: it is in alarm only with 1 and 0.',
  no_process: 'STATUS_PROCESS has this row, PROCESE has none: nothing is repaired for it.',
  no_status: 'PROCESE has this row, STATUS_PROCESS has none: it is never in alarm.',
  no_name: 'process_name of this row of PROCESE is empty: nothing is repaired for it.',
  duplicate:
    'Other rows of PROCESE have the same process_name: in alarm together, they are one alarm.',
};

/** Rows that are not as they should be, in alarm or not. */
export function oddWarnings(rows: readonly OddRow[]): readonly RowWarning[] {
  const counts = new Map<OddRow['kind'], number>();
  const warnings: RowWarning[] = [];
  for (const { kind, id } of rows) {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (count <= oddMax) warnings.push({ processId: readId(id), sentence: oddities[kind] });
    else if (count === oddMax + 1) {
      const sentence = `There are more than ${oddMax} such rows: ${oddities[kind]}`;
      warnings.push({ processId: undefined, sentence });
    }
  }
  return warnings;
}

/** What the database user may not do, and what follows from it. */
export function accessWarnings({ clear, note, claim }: Access): readonly RowWarning[] {
  const sentences: string[] = [];
  if (!clear) {
    sentences.push(
      'The database user may not change STATUS_PROCESS: rows are not cleared, and what was repaired is remembered until its alarm goes.',
    );
  } else if (!note) {
    sentences.push('The database user may not change STATUS_PROCESS.notes: repairs leave no note.');
  }
  if (!(claim && clear)) {
    sentences.push(
      'No claims can be kept in UNITWATCH_CLAIM: this agent repairs only what its own host has.',
    );
  }
  return sentences.map((sentence) => ({ processId: undefined, sentence }));
}
