import type { RealtimeUs } from '../../model/time.ts';
import type { SqlRow } from '../../sqlite.ts';
import { isOver } from '../outages.ts';
import { type OwnSqlite, SqliteError } from '../sqlite.ts';
import type { SavedService } from './core.ts';
import {
  type AnyRecord,
  aOrAn,
  type Collection,
  collections,
  isOutage,
  isService,
  keyOf,
  outagesOfServiceMax,
  quote,
  type Records,
  RequestError,
  readRecord,
  resourceTable,
} from './resources.ts';

/** What the tables looked like, version by version; SQLite's user_version counts them. */
export const migrations: readonly string[] = [
  `CREATE TABLE services (key TEXT PRIMARY KEY, record TEXT NOT NULL, saved TEXT) WITHOUT ROWID;
   CREATE TABLE callers (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE subscriptions (key TEXT PRIMARY KEY, record TEXT NOT NULL,
     service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
     caller TEXT NOT NULL REFERENCES callers ON DELETE CASCADE) WITHOUT ROWID;
   CREATE INDEX subscriptions_service ON subscriptions (service);
   CREATE INDEX subscriptions_caller ON subscriptions (caller);
   CREATE TABLE outages (key TEXT PRIMARY KEY, record TEXT NOT NULL,
     service TEXT NOT NULL REFERENCES services ON DELETE CASCADE) WITHOUT ROWID;
   CREATE INDEX outages_service ON outages (service);
   CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, caller TEXT NOT NULL,
     message TEXT NOT NULL, attempts INTEGER NOT NULL, due_us INTEGER NOT NULL,
     queued_us INTEGER NOT NULL);
   CREATE INDEX deliveries_caller ON deliveries (caller, id);
   CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, caller TEXT NOT NULL,
     entry TEXT NOT NULL);
   CREATE INDEX log_caller ON log (caller, id);`,
];

/** What can be asked of and done to the registry; the running monitor offers the same. */
export interface Book {
  list<C extends Collection>(collection: C): readonly Records[C][];
  get<C extends Collection>(collection: C, key: string): Records[C] | undefined;
  /** @throws RequestError where it is there already, or names what is not there */
  add<C extends Collection>(collection: C, record: Records[C]): void;
  /** The key stays. @throws RequestError where it is not there */
  update<C extends Collection>(collection: C, record: Records[C]): void;
  /** With what belongs to it. @throws RequestError where it is not there */
  remove(collection: Collection, key: string): void;
}

/** One sentence, or undefined where nothing is wrong. */
export type FaultOf = (collection: Collection, record: AnyRecord) => string | undefined;

/** What the registry asks before it takes a record. */
export interface Rules {
  /** What is wrong with the settings of a record's kind, where its kind is known. */
  readonly fault: FaultOf;
  /** Why a service may not be called so; undefined where it may. */
  readonly reserved?: ((name: string) => string | undefined) | undefined;
  readonly nowUs: () => RealtimeUs;
}

/** A program in JavaScript may name anything: nothing but these comes into a statement. */
function tableOf(collection: Collection): Collection {
  if (collections.includes(collection)) return collection;
  const known = collections.join(', ');
  throw new RequestError(404, `There is no ${quote(String(collection))}; there are ${known}.`);
}

/** Services, callers, subscriptions and outages in SQLite. */
export class Registry implements Book {
  readonly #file: OwnSqlite;
  readonly #rules: Rules;

  constructor(file: OwnSqlite, rules: Rules) {
    this.#file = file;
    this.#rules = rules;
  }

  list<C extends Collection>(collection: C): readonly Records[C][] {
    const rows = this.#file.rows(`SELECT key, record FROM ${tableOf(collection)} ORDER BY key`);
    return rows.map((row) => recordOf(collection, row));
  }

  get<C extends Collection>(collection: C, key: string): Records[C] | undefined {
    const table = tableOf(collection);
    const [row] = this.#file.rows(`SELECT key, record FROM ${table} WHERE key = ?`, key);
    return row && recordOf(collection, row);
  }

  add<C extends Collection>(collection: C, record: Records[C]): void {
    const { singular, max } = resourceTable[collection];
    const key = keyOf(collection, record);
    if (this.get(collection, key)) {
      throw new RequestError(
        409,
        `${aOrAn(singular)} ${shownKey(key)} is there already: update it.`,
      );
    }
    refuseDots(collection, key);
    const reserved = isService(record) ? this.#rules.reserved?.(record.name) : undefined;
    if (reserved) throw new RequestError(409, reserved);
    if (isOutage(record) && isOver(record, this.#rules.nowUs())) {
      const sentence = `The outage is over already: look at end, until and time_zone (${record.time_zone}).`;
      throw new RequestError(400, sentence);
    }
    const [count] = this.#file.rows(`SELECT count(*) AS n FROM ${collection}`);
    if (Number(count?.['n']) >= max) {
      throw new RequestError(409, `There are ${max} ${collection}, and there may be no more.`);
    }
    this.#put(collection, key, record);
  }

  update<C extends Collection>(collection: C, record: Records[C]): void {
    const key = keyOf(collection, record);
    if (!this.get(collection, key)) throw absent(collection, key);
    this.#put(collection, key, record);
  }

  remove(collection: Collection, key: string): void {
    const removed = this.#file.change(`DELETE FROM ${tableOf(collection)} WHERE key = ?`, key);
    if (removed === 0) throw absent(collection, key);
  }

  /** Subscriptions or outages of one service, or subscriptions of one caller. */
  of<C extends 'subscriptions' | 'outages'>(
    collection: C,
    by: C extends 'outages' ? 'service' : 'service' | 'caller',
    name: string,
  ): readonly Records[C][] {
    const sql = `SELECT key, record FROM ${collection} WHERE ${by} = ? ORDER BY key`;
    return this.#file.rows(sql, encodeURIComponent(name)).map((row) => recordOf(collection, row));
  }

  /** How many there are of each. */
  counts(): Readonly<Record<Collection, number>> {
    const count = (collection: Collection): number =>
      Number(this.#file.rows(`SELECT count(*) AS n FROM ${collection}`)[0]?.['n']);
    return {
      services: count('services'),
      callers: count('callers'),
      subscriptions: count('subscriptions'),
      outages: count('outages'),
    };
  }

  /** What services knew when they were saved. */
  saved(): ReadonlyMap<string, SavedService> {
    const rows = this.#file.rows('SELECT key, saved FROM services WHERE saved IS NOT NULL');
    return new Map(
      rows.map((row) => [
        decodeURIComponent(String(row['key'])),
        // Nobody else writes here: it is what `save` wrote.
        JSON.parse(String(row['saved'])) as SavedService,
      ]),
    );
  }

  save(name: string, saved: SavedService): void {
    const key = encodeURIComponent(name);
    this.#file.change('UPDATE services SET saved = ? WHERE key = ?', JSON.stringify(saved), key);
  }

  #put<C extends Collection>(collection: C, key: string, record: Records[C]): void {
    const fault = this.#rules.fault(collection, record);
    if (fault) throw new RequestError(400, fault);
    const text = JSON.stringify(record);
    const service = this.#named('services', record, 'service');
    const caller = this.#named('callers', record, 'caller');
    if (collection === 'outages') this.#countOutages(service, key);
    const columns = { key, record: text, ...(service && { service }), ...(caller && { caller }) };
    const names = Object.keys(columns);
    const set = names.map((name) => `${name} = excluded.${name}`).join(', ');
    this.#file.change(
      `INSERT INTO ${collection} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})
       ON CONFLICT (key) DO UPDATE SET ${set}`,
      ...Object.values(columns),
    );
  }

  /** The key of what a record names, which must be there; empty where it names none. */
  #named(collection: Collection, record: object, field: string): string {
    const name: unknown = Reflect.get(record, field);
    if (typeof name !== 'string') return '';
    const key = encodeURIComponent(name);
    if (!this.get(collection, key)) throw absent(collection, key);
    return key;
  }

  #countOutages(service: string, key: string): void {
    const sql = 'SELECT count(*) AS n FROM outages WHERE service = ? AND key <> ?';
    const [row] = this.#file.rows(sql, service, key);
    if (Number(row?.['n']) < outagesOfServiceMax) return;
    const sentence = `The service has ${outagesOfServiceMax} outages, and may have no more: let one repeat instead.`;
    throw new RequestError(409, sentence);
  }
}

/** Nothing is called so. */
export function absent(collection: Collection, key: string): RequestError {
  const { singular } = resourceTable[collection];
  return new RequestError(404, `There is no ${singular} ${shownKey(key)}.`);
}

/** Whoever reads a URL takes these for folders, so that what is called so could not be removed. */
function refuseDots(collection: Collection, key: string): void {
  if (!key.split('/').some((part) => part === '.' || part === '..')) return;
  const { singular } = resourceTable[collection];
  throw new RequestError(400, `${aOrAn(singular)} cannot be called ${shownKey(key)}.`);
}

/** A key for people: `anna web`, in quotes. */
function shownKey(key: string): string {
  return key
    .split('/')
    .map((part) => quote(decodeURIComponent(part)))
    .join(' for ');
}

/** Somebody may have edited the file, or a zone may be gone that a time is told in. */
function recordOf<C extends Collection>(collection: C, row: SqlRow): Records[C] {
  try {
    return readRecord(collection, JSON.parse(String(row['record'])));
  } catch (error) {
    if (!(error instanceof RequestError || error instanceof SyntaxError)) throw error;
    const { singular } = resourceTable[collection];
    const sentence = `The ${singular} ${shownKey(String(row['key']))} in the file of the monitor cannot be used (${error.message}): stop the agent, and remove it with unitwatch ${collection} remove.`;
    throw new SqliteError('unusable', sentence, error);
  }
}
