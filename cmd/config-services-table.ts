import { formatDuration } from '../src/config/duration.ts';
import type { ServiceRow } from '../src/config/service-rows.ts';
import { tableText } from './table.ts';

const columns: readonly (readonly [head: string, text: (row: ServiceRow) => string])[] = [
  ['NUMBER', ({ number }) => String(number)],
  ['NAME', ({ name }) => name],
  ['KIND', ({ kind }) => kind],
  ['METHOD', ({ method }) => method || '-'],
  ['TARGET', ({ target }) => target],
  ['INTERVAL', ({ intervalMs }) => formatDuration(intervalMs)],
  ['TIMEOUT', ({ timeoutMs }) => formatDuration(timeoutMs)],
  ['CHECK', ({ kind, checkRegex }) => (kind === 'tcp' ? '-' : checkRegex ? 'yes' : 'no')],
  ['REGEX', ({ regex }) => regex ?? '-'],
];

/** Services as a table, with the numbers by which commands take them or without. */
export function servicesTable(rows: readonly ServiceRow[], numbered: boolean): string {
  const chosen = numbered ? columns : columns.slice(1);
  return tableText(
    chosen.map(([head]) => head),
    rows.map((row) => chosen.map(([, text]) => text(row))),
  );
}
