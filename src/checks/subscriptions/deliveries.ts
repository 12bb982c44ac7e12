import { randomUUID } from 'node:crypto';
import type { DeliveryPhase } from '../../model/monitor.ts';
import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import type { SqlRow } from '../../sqlite.ts';
import type { OwnSqlite } from '../sqlite.ts';
import type { Message, Sent } from './channel.ts';
import { DeadlineHeap } from './heap.ts';

/** How a delivery goes. */
export interface DeliveryNews {
  readonly message: Message;
  readonly phase: DeliveryPhase;
  readonly attempts: number;
  /** Why it did not work; empty where it did. */
  readonly reason: string;
}

export interface DeliveriesOptions {
  readonly file: OwnSqlite;
  /** From 0 to 1, for the spread of retries. */
  readonly random: () => number;
  /** One attempt; it never rejects. */
  readonly send: (message: Message) => Promise<Sent>;
  readonly onNews: (news: DeliveryNews) => void;
  /** The file could not be written: how an attempt ended is written when it can be again. */
  readonly onTrouble: (error: unknown) => void;
  readonly nowUs: () => RealtimeUs;
}

/** Attempts at a time: each is a connection or a process. */
const atOnce = 16;
/** Messages that wait for one caller; who does not listen for so long gets the newest. */
const perCallerMax = 1_000;
/** Messages that wait for all: about 50 MB. */
const totalMax = 100_000;
/** The first retry; each further one after twice the time, up to the last. */
const firstRetryUs: DurationUs = 5e6;
const lastRetryUs: DurationUs = 600e6;
/** A message that is older is nobody's news. */
const keptUs: DurationUs = 86_400e6;

/**
 * Messages on their way, in SQLite: at least once each, in order for each caller, several callers at a
 * time. What fails is tried again after 5 s, 10 s, 20 s ... 10 min, each shortened by up to a half at
 * random, for a day; then, and where the channel says that it is of no use, it is given up.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  /** Callers with something to deliver, by the time of their next attempt. */
  readonly #due = new DeadlineHeap();
  readonly #underWay = new Map<string, Promise<void>>();
  /** How many wait, by caller. */
  readonly #waiting = new Map<string, number>();
  /** The message that is under way, by caller. */
  readonly #sending = new Map<string, number>();
  /** How the last attempt at a message ended, as long as the file does not have it; by caller. */
  readonly #unwritten = new Map<string, { readonly id: number; readonly sent: Sent }>();
  /** What had to make room, as long as the transaction in which it did is not committed. */
  #dropped: DeliveryNews[] = [];
  readonly #attempts = { sent: 0, retrying: 0, given_up: 0 };
  #total = 0;
  /** By how much the wall clock has been set since the start. */
  #steppedUs: DurationUs = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.recount();
  }

  /** Reads anew what waits: at the start, and after a transaction that was rolled back. */
  recount(): void {
    this.#dropped = [];
    const sql = 'SELECT caller, count(*) AS n FROM deliveries GROUP BY caller';
    const rows = this.#options.file.rows(sql);
    for (const caller of this.#waiting.keys()) this.#due.remove(caller);
    this.#waiting.clear();
    this.#total = 0;
    for (const { caller, n } of rows) {
      this.#waiting.set(String(caller), Number(n));
      this.#total += Number(n);
      this.#schedule(String(caller));
    }
  }

  /** The wall clock was set: waits stay as long as they are. */
  step(byUs: DurationUs): void {
    this.#steppedUs += byUs;
    const { file, onTrouble } = this.#options;
    const by = Math.round(byUs);
    try {
      file.change('UPDATE deliveries SET due_us = due_us + ?, queued_us = queued_us + ?', by, by);
      for (const caller of this.#waiting.keys()) this.#schedule(caller);
    } catch (error) {
      onTrouble(error);
    }
  }

  /** How many wait. */
  get size(): number {
    return this.#total;
  }

  /** Attempts that ended, by how. */
  get attempts(): Readonly<Record<DeliveryPhase, number>> {
    return this.#attempts;
  }

  /** When the oldest was put into the queue; undefined without one. */
  oldestUs(): RealtimeUs | undefined {
    const sql = 'SELECT queued_us FROM deliveries ORDER BY id LIMIT 1';
    const [row] = this.#total === 0 ? [] : this.#options.file.rows(sql);
    return row && Number(row['queued_us']);
  }

  /** Puts it into the queue; durable when the caller's transaction is, after which comes `committed`. */
  add(message: Omit<Message, 'id'>): void {
    const { file, nowUs } = this.#options;
    const { caller } = message;
    if (this.#total >= totalMax) this.#dropOldest(undefined);
    else if ((this.#waiting.get(caller) ?? 0) >= perCallerMax) this.#dropOldest(caller);
    file.change(
      'INSERT INTO deliveries (caller, message, attempts, due_us, queued_us) VALUES (?, ?, 0, ?, ?)',
      caller,
      JSON.stringify({ id: randomUUID(), ...message }),
      nowUs(),
      nowUs(),
    );
    this.#count(caller, 1);
    this.#schedule(caller);
  }

  /** What made room is told of. */
  committed(): void {
    for (const news of this.#dropped.splice(0)) this.#tell(news);
  }

  /** When `run` has something to begin; Infinity for nothing, or for no room. */
  next(): RealtimeUs {
    if (this.#underWay.size >= atOnce) return Number.POSITIVE_INFINITY;
    return this.#due.first()?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Begins what is due. @param done is called when one has ended */
  run(done: () => void): void {
    const now = this.#options.nowUs();
    for (let first = this.#due.first(); first && this.next() <= now; first = this.#due.first()) {
      const caller = first.name;
      this.#due.remove(caller);
      const attempt = this.#attempt(caller)
        .then(() => this.#leave(caller))
        .catch((error: unknown) => {
          this.#ended(caller);
          this.#due.set(caller, this.#options.nowUs() + firstRetryUs);
          this.#options.onTrouble(error);
        })
        .then(done);
      this.#underWay.set(caller, attempt);
    }
  }

  /** What waits for a caller who is gone. */
  forget(caller: string): void {
    const removed = this.#options.file.change('DELETE FROM deliveries WHERE caller = ?', caller);
    this.#count(caller, -removed);
    this.#due.remove(caller);
    this.#unwritten.delete(caller);
  }

  /** Resolves when no attempt is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #leave(caller: string): void {
    this.#ended(caller);
    this.#schedule(caller);
  }

  #ended(caller: string): void {
    this.#underWay.delete(caller);
    this.#sending.delete(caller);
  }

  async #attempt(caller: string): Promise<void> {
    const { file, send, nowUs } = this.#options;
    const head = this.#head(caller);
    if (!head) return;
    const message = messageOf(head);
    const id = Number(head['id']);
    const known = this.#unwritten.get(caller);
    this.#sending.set(caller, id);
    const steppedUs = this.#steppedUs;
    const sent = known?.id === id ? known.sent : await send(message);
    // Nobody is told again and again only because the disk is full.
    if (sent.ok || !sent.again) this.#unwritten.set(caller, { id, sent });
    const attempts = Number(head['attempts']) + 1;
    const agedUs = nowUs() - Number(head['queued_us']);
    // The clock may have been set while the attempt was under way.
    const isOld = agedUs - (this.#steppedUs - steppedUs) >= keptUs;
    if (sent.ok) this.#end(id, { message, phase: 'sent', attempts, reason: '' });
    else if (!sent.again || isOld) {
      this.#end(id, { message, phase: 'given_up', attempts, reason: sent.reason });
    } else {
      const due = nowUs() + this.#delay(attempts);
      const sql = 'UPDATE deliveries SET attempts = ?, due_us = ? WHERE id = ?';
      // The caller may have been removed meanwhile.
      if (file.change(sql, attempts, due, id) > 0) {
        this.#tell({ message, phase: 'retrying', attempts, reason: sent.reason });
      }
    }
    this.#unwritten.delete(caller);
  }

  #end(id: number, news: DeliveryNews): void {
    // The caller may have been removed meanwhile.
    if (this.#remove(id, news.message.caller)) this.#tell(news);
  }

  #remove(id: number, caller: string): boolean {
    const removed = this.#options.file.change('DELETE FROM deliveries WHERE id = ?', id);
    this.#count(caller, -removed);
    return removed > 0;
  }

  #tell(news: DeliveryNews): void {
    this.#attempts[news.phase]++;
    this.#options.onNews(news);
  }

  #delay(attempts: number): DurationUs {
    const full = Math.min(lastRetryUs, firstRetryUs * 2 ** Math.min(attempts - 1, 30));
    return Math.round(full * (1 - this.#options.random() / 2));
  }

  /** What is under way stays. @param caller undefined: of all callers */
  #dropOldest(caller: string | undefined): void {
    const { file } = this.#options;
    const columns = 'SELECT id, caller, message, attempts FROM deliveries';
    const order = `ORDER BY id LIMIT ${atOnce + 1}`;
    const rows =
      caller === undefined
        ? file.rows(`${columns} ${order}`)
        : file.rows(`${columns} WHERE caller = ? ${order}`, caller);
    const oldest = rows.find((row) => this.#sending.get(String(row['caller'])) !== row['id']);
    if (!oldest || !this.#remove(Number(oldest['id']), String(oldest['caller']))) return;
    const reason = 'too many messages wait';
    const attempts = Number(oldest['attempts']);
    this.#dropped.push({ message: messageOf(oldest), phase: 'given_up', attempts, reason });
  }

  #head(caller: string): SqlRow | undefined {
    const sql = `SELECT id, message, attempts, due_us, queued_us FROM deliveries
      WHERE caller = ? ORDER BY id LIMIT 1`;
    return this.#options.file.rows(sql, caller)[0];
  }

  /** One head at a time, so that order is kept. */
  #schedule(caller: string): void {
    if (this.#underWay.has(caller)) return;
    const head = this.#head(caller);
    // The clock may have been set back while nobody ran.
    const latest = this.#options.nowUs() + lastRetryUs;
    const due = head ? Math.min(Number(head['due_us']), latest) : Number.POSITIVE_INFINITY;
    this.#due.set(caller, due);
  }

  #count(caller: string, by: number): void {
    this.#total += by;
    const count = (this.#waiting.get(caller) ?? 0) + by;
    if (count > 0) this.#waiting.set(caller, count);
    else this.#waiting.delete(caller);
  }
}

/** It was written by `add`. */
function messageOf(row: SqlRow): Message {
  return JSON.parse(String(row['message'])) as Message;
}
