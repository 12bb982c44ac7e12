/** Says whether a local database is whole, and what it counts. `node store-check-child.js FILE` */
import { totalsOf } from '../../src/outputs/store/local-rows.ts';
import { openSqlite } from '../../src/outputs/store/sqlite.ts';

const on = await openSqlite(process.argv[2] ?? '');
const said = on.rows('PRAGMA integrity_check').flatMap((row) => Object.values(row));
process.stdout.write(JSON.stringify({ said, totals: totalsOf(on) }));
on.close();
