import type { Sqlite, SqlRow } from '../../sqlite.ts';
import type { LocalTotals, StoredRow } from './contract.ts';

/** What an agent, or `unitwatch store status`, finds in the file. */
export function totalsOf(on: Sqlite): LocalTotals {
  const value = (name: string): number =>
    on.number('SELECT value FROM totals WHERE name = ?', name) ?? 0;
  return {
    written: value('written'),
    exported: value('exported'),
    lost_size: value('lost_size'),
    lost_age: value('lost_age'),
    rejected: value('rejected'),
  };
}

/**
 * Rows that are not exported, and when the oldest of them was given to the store. Their number comes
 * out of the totals: counting them means reading the file, which a slow disk needs minutes for.
 */
export function backlogOf(on: Sqlite) {
  const exportedTo = on.number(`SELECT value FROM totals WHERE name = 'exported_to'`) ?? 0;
  const { written, exported, rejected, lost_age, lost_size } = totalsOf(on);
  return {
    exportedTo,
    waiting: Math.max(0, written - exported - rejected - lost_age - lost_size),
    oldestUs: on.number('SELECT at_us FROM rows WHERE seq > ? ORDER BY seq LIMIT 1', exportedTo),
  };
}

/** The rows behind one, as many as are asked for and at least one: the last of them, and their bytes. */
export function spanAfter(
  on: Sqlite,
  after: number,
  most: { readonly rows: number; readonly bytes: number },
): { readonly last: number; readonly bytes: number } {
  // The length in bytes is known without reading the text.
  const sql =
    'SELECT seq, octet_length(body) AS bytes FROM rows WHERE seq > ? ORDER BY seq LIMIT ?';
  let last = after;
  let held = 0;
  for (const { seq, bytes } of on.rows(sql, after, most.rows)) {
    if (held + Number(bytes) > most.bytes && last > after) break;
    held += Number(bytes);
    last = Number(seq);
  }
  return { last, bytes: held };
}

export function storedRow({ seq, kind, at_us, body }: SqlRow): StoredRow {
  return {
    seq: Number(seq),
    kind: kind === 'event' ? 'event' : 'result',
    atUs: Number(at_us),
    body: String(body),
  };
}
