import type { Alarm, AlarmSourceName } from '../../model/repair.ts';
import { humanDuration, type RealtimeUs } from '../../model/time.ts';
import { type Ending, SourceError } from '../contract.ts';
import { Memory } from './memory.ts';
import { quoted } from './name.ts';
import { noteOf } from './note.ts';
import { defaultLeaseMs, type SourceOptions, type TableSource } from './options.ts';
import { accessWarnings, judge, oddWarnings } from './rows.ts';
import { type Access, type AlarmTables, alarmsMax, claimHoursMax, type Finish } from './table.ts';
import { type RowWarning, Warnings } from './warnings.ts';

/** Odd rows and privileges change seldom, and looking for them reads whole tables. */
const lookEveryUs = 600e6;
/** A repair under way. */
interface Held {
  readonly ids: readonly number[];
  readonly sinceUs: RealtimeUs;
  /** A poll has found its row out of alarm: what stands there later is another alarm. */
  gone: boolean;
}

const nothing: Access = { clear: false, note: false, claim: false };

/** What MySQL and SQLite have in common: from rows to alarms, claims, endings, warnings. */
export class TableAlarms implements TableSource {
  readonly name: AlarmSourceName;
  readonly #tables: AlarmTables;
  readonly #options: SourceOptions;
  readonly #leaseMs: number;
  readonly #warnings = new Warnings();
  /** When each row was seen in alarm first. */
  readonly #since = new Map<number, RealtimeUs>();
  readonly #held = new Map<string, Held>();
  readonly #notLocal = new Map<number, RowWarning>();
  /** Rows of one process, by its alarm: as the last poll saw them. */
  #groups: ReadonlyMap<string, readonly number[]> = new Map();
  #access: Access = nothing;
  #lookedUs = Number.NEGATIVE_INFINITY;
  #memory: Promise<Memory> | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(name: AlarmSourceName, tables: AlarmTables, options: SourceOptions) {
    this.name = name;
    this.#tables = tables;
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? defaultLeaseMs;
  }

  get exclusive(): boolean {
    return this.#access.claim && this.#access.clear;
  }

  /** Where rows cannot be cleared, what was repaired is told apart by `handled`, and by the engine. */
  get clears(): boolean {
    return this.#access.clear;
  }

  get writable(): boolean {
    return this.#access.clear;
  }

  takeWarnings(): readonly RowWarning[] {
    return this.#warnings.take();
  }

  async poll(): Promise<readonly Alarm[]> {
    const memory = await this.#remembered();
    await this.#look();
    await this.#writePending(memory);
    const rows = await this.#tables.alarms();
    const judged = judge(rows);
    this.#warnings.found('poll', judged.warnings);
    const inAlarm = new Set(judged.ids);
    // Rows beyond the limit were not seen: whether they are in alarm is not known.
    const seenTo = rows.length > alarmsMax ? (judged.ids.at(-1) ?? 0) : Number.POSITIVE_INFINITY;
    const isGone = (id: number): boolean => id <= seenTo && !inAlarm.has(id);
    await this.#forget(memory, isGone);
    this.#groups = new Map(judged.groups.map(({ ids }) => [this.#alarmId(ids[0]), ids]));
    const done = memory.done();
    const nowUs = this.#options.clock.realtimeUs();
    return judged.groups
      .filter(({ ids }) => !ids.every((id) => done.has(id)))
      .map(({ name, ids }) => this.#alarm(ids[0], name, nowUs));
  }

  #alarmId(processId: number): string {
    return `${this.name}:${processId}`;
  }

  #alarm(processId: number, process: string, nowUs: RealtimeUs): Alarm {
    const id = this.#alarmId(processId);
    const raisedUs = this.#since.get(processId) ?? nowUs;
    this.#since.set(processId, raisedUs);
    return { id, source: this.name, process, processId, raisedUs, reason: '' };
  }

  /** What has gone out of alarm: a later alarm of the same row is a new one. */
  async #forget(memory: Memory, isGone: (id: number) => boolean): Promise<void> {
    for (const id of [...this.#since.keys()].filter(isGone)) this.#since.delete(id);
    for (const id of [...this.#notLocal.keys()].filter(isGone)) this.#notLocal.delete(id);
    this.#tellNotLocal();
    for (const held of this.#held.values()) held.gone ||= held.ids.every(isGone);
    const handled = [...memory.handled].filter(isGone);
    for (const id of handled) memory.handled.delete(id);
    if (handled.length > 0) await this.#save(memory);
  }

  async claim(alarm: Alarm): Promise<boolean> {
    const ids = this.#idsOf(alarm);
    if (!(await this.#isHere(alarm))) return false;
    const { agent } = await this.#self();
    if (this.#lookedUs === Number.NEGATIVE_INFINITY) await this.#look();
    const isMine = this.exclusive
      ? await this.#tables.take(ids, agent, this.#leaseMs)
      : (await this.#tables.standing(ids)).length > 0;
    if (isMine && !this.#closed) {
      const sinceUs = this.#options.clock.monotonicUs();
      this.#held.set(alarm.id, { ids, sinceUs, gone: false });
      this.#renewal ??= this.#renewEvery(this.#leaseMs / 3);
    }
    return isMine;
  }

  async #isHere({ process, processId }: Alarm): Promise<boolean> {
    const isHere = (await this.#options.isLocal?.(process)) ?? true;
    if (processId === undefined) return isHere;
    const sentence = `${quoted(process)} is no unit and no process of this host: its alarm is left to the host that has it.`;
    if (isHere) this.#notLocal.delete(processId);
    else this.#notLocal.set(processId, { processId, sentence });
    this.#tellNotLocal();
    return isHere;
  }

  #tellNotLocal(): void {
    this.#warnings.found('local', [...this.#notLocal.values()]);
  }

  /**
   * Writes the ending down. What cannot be written now is kept and written at one of the next polls,
   * once: it may be called again, too.
   * @throws SourceError
   */
  async settle(alarm: Alarm, ending: Ending): Promise<void> {
    const memory = await this.#remembered();
    const held = this.#held.get(alarm.id);
    const { note: line, mark } = noteOf(ending, this.#options.hostName);
    const note = ending.claimOnly ? '' : line;
    const clear = ending.worked && !held?.gone;
    const finish = memory.begin({ ids: held?.ids ?? this.#idsOf(alarm), clear, note, mark });
    this.#held.delete(alarm.id);
    try {
      await this.#write(finish, memory);
    } catch (error) {
      await this.#save(memory);
      throw error;
    }
  }

  /** What settle could not write down. One locked row must not hide the others: the rows are read anyway. */
  async #writePending(memory: Memory): Promise<void> {
    try {
      for (const finish of memory.pending()) await this.#write(finish, memory);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
    }
  }

  async #write(finish: Finish, memory: Memory): Promise<void> {
    const { agent } = await this.#self();
    if (this.#lookedUs === Number.NEGATIVE_INFINITY) await this.#look();
    if (this.#access.clear || this.#access.note) await this.#finish(finish, agent);
    // Not `else`: the write may have shown that it is not allowed any more.
    if (!this.#access.clear && finish.clear) for (const id of finish.ids) memory.handled.add(id);
    // What is in alarm from here on is another alarm, though no poll may have seen it gone.
    if (this.#access.clear && finish.clear) for (const id of finish.ids) this.#since.delete(id);
    memory.end(finish);
    await this.#save(memory);
  }

  async #finish(finish: Finish, agent: string): Promise<void> {
    try {
      await this.#tables.finish(finish, agent, this.#access);
    } catch (error) {
      if (!(error instanceof SourceError) || error.kind === 'down') throw error;
      // Refused: privileges were taken away, or the table is another one now.
      this.#lookedUs = Number.NEGATIVE_INFINITY;
      await this.#look();
      if (this.#access.clear) throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#renewal);
    await this.#tables.close();
  }

  #idsOf(alarm: Alarm): readonly number[] {
    const ids = this.#groups.get(alarm.id);
    if (ids !== undefined) return ids;
    // After a restart of the agent an alarm can come from before the first poll.
    return alarm.processId === undefined ? [] : [alarm.processId];
  }

  async #remembered(): Promise<Memory> {
    this.#memory ??= Memory.load(this.#options.keeper);
    return this.#memory;
  }

  async #self(): Promise<{ readonly agent: string }> {
    const { instance } = await this.#remembered();
    return { agent: `${this.#options.hostName.slice(0, 64)} ${instance}` };
  }

  async #save(memory: Memory): Promise<void> {
    const fault = await memory.save();
    const sentence = `What was repaired cannot be kept for the next start: ${fault}.`;
    this.#warnings.found('memory', fault === undefined ? [] : [{ processId: undefined, sentence }]);
  }

  /** Privileges and odd rows, at the start and seldom after it. */
  async #look(): Promise<void> {
    const nowUs = this.#options.clock.monotonicUs();
    if (nowUs - this.#lookedUs < lookEveryUs) return;
    this.#access = await this.#tables.access();
    this.#warnings.found('access', accessWarnings(this.#access));
    this.#lookedUs = nowUs;
    this.#warnings.found('odd', await this.#odd());
  }

  /** Nothing hangs on it: in a table too large to be read within the time limit, repairs go on. */
  async #odd(): Promise<readonly RowWarning[]> {
    try {
      return oddWarnings(await this.#tables.odd());
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const sentence = `Odd rows could not be looked for: ${error.message}`;
      return [{ processId: undefined, sentence }];
    }
  }

  #renewEvery(ms: number): NodeJS.Timeout {
    let isRenewing = false;
    const timer = setInterval(() => {
      if (isRenewing) return;
      isRenewing = true;
      // A database that is away is told by the next poll; the lease is made to outlast it.
      this.#renew()
        .catch((error: unknown) => {
          if (!(error instanceof SourceError)) throw error;
        })
        .finally(() => {
          isRenewing = false;
        });
    }, ms);
    return timer.unref();
  }

  async #renew(): Promise<void> {
    const nowUs = this.#options.clock.monotonicUs();
    const young = [...this.#held.values()].filter(
      ({ sinceUs }) => nowUs - sinceUs < claimHoursMax * 3600e6,
    );
    const pending = (await this.#remembered()).pending();
    const ids = [...young, ...pending].flatMap((one) => one.ids);
    if (ids.length === 0 || !this.exclusive) return;
    const { agent } = await this.#self();
    const kept = new Set(await this.#tables.renew(ids, agent, this.#leaseMs));
    // A repair that was settled meanwhile has given its claim back.
    const isHeld = (id: number): boolean =>
      [...this.#held.values()].some((held) => held.ids.includes(id));
    const lost = ids.filter((id) => !kept.has(id) && isHeld(id));
    const lease = humanDuration(this.#leaseMs * 1000);
    const sentence = `The claim of this row was lost during its repair: the database was away for more than ${lease}, or the claim was deleted.`;
    this.#warnings.found(
      'claims',
      lost.map((processId) => ({ processId, sentence })),
    );
  }
}
