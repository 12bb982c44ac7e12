import { columnsOf, printable } from '../src/outputs/terminal-text.ts';

/** Lines of a table with a head, each with its line end; texts from outside are made harmless. */
export function tableText(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows.map((row) => row.map(printable))];
  const widths = heads.map((_, i) =>
    all.reduce((widest, row) => Math.max(widest, columnsOf(row[i] ?? '')), 0),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - columnsOf(cell))))
      .join('  ')
      .trimEnd();
  return all.map((row) => `${line(row)}\n`).join('');
}
