import { type CheckState, isWell } from '../model/check.ts';
import type { Finding } from '../model/finding.ts';
import type { Alarm } from '../model/repair.ts';
import type { RealtimeUs } from '../model/time.ts';
import type { AlarmSource, Ending, RepairOn } from './contract.ts';
import { engineLimits } from './engine-contract.ts';

interface Fact {
  readonly alarm: Alarm;
  readonly kind: RepairOn;
  /** Its repair has ended well. */
  settled: boolean;
}

/** What is said of something that the agent sees. */
interface Told {
  /** The same for as long as it is so. */
  readonly fact: string;
  /** What is to be repaired. */
  readonly process: string;
  readonly kind: RepairOn;
  readonly reason: string;
  /** Of its alarm, where it is the same over a restart of the agent. */
  readonly id?: string;
}

/**
 * Alarms out of what the agent itself sees: a finding that is open, a check that is down, a unit that
 * failed. They stand for as long as that is so; nothing can be cleared from here.
 */
export class FactSource implements AlarmSource {
  readonly name: 'finding' | 'check' | 'unit';
  readonly clears = false;
  readonly #standing = new Map<string, Fact>();
  #dropped = new Map<string, string>();
  #raised = 0;

  constructor(name: 'finding' | 'check' | 'unit') {
    this.name = name;
  }

  /** It is so from now on; false where that was known, or there is no room. */
  raise({ fact, process, kind, reason, id }: Told, nowUs: RealtimeUs): boolean {
    if (this.#standing.has(fact) || this.#standing.size >= engineLimits.alarms) return false;
    this.#raised += 1;
    // The time makes it another alarm than one of the run before, which the journal may know.
    const own = id ?? `${Math.trunc(nowUs).toString(36)}-${this.#raised.toString(36)}`;
    const common = { id: `${this.name}:${own}`, source: this.name };
    const alarm = { ...common, process, raisedUs: nowUs, reason };
    this.#standing.set(fact, { alarm, kind, settled: false });
    return true;
  }

  /** It is no longer so; false where it was not. @param note why, where it is not for having become well */
  clear(fact: string, note = ''): boolean {
    const known = this.#standing.get(fact);
    if (known !== undefined && note !== '') this.#dropped.set(known.alarm.id, note);
    return this.#standing.delete(fact);
  }

  /** Lets go of what is not to be an alarm any more, with a note each. @returns whether there was any */
  drop(why: (fact: string, kind: RepairOn, process: string) => string | undefined): boolean {
    let dropped = false;
    for (const [fact, { alarm, kind }] of this.#standing) {
      const note = why(fact, kind, alarm.process);
      if (note === undefined) continue;
      dropped = this.clear(fact, note) || dropped;
    }
    return dropped;
  }

  /** Facts about one of these processes. */
  about(processes: readonly string[]): readonly string[] {
    return [...this.#standing]
      .filter(([, { alarm }]) => processes.includes(alarm.process))
      .map(([fact]) => fact);
  }

  /** The id of its alarm; undefined where none stands. */
  idOf(fact: string): string | undefined {
    return this.#standing.get(fact)?.alarm.id;
  }

  /** Its repair has ended well, and it is still so. */
  isSettled(fact: string): boolean {
    return this.#standing.get(fact)?.settled === true;
  }

  poll(): Promise<readonly Alarm[]> {
    return Promise.resolve([...this.#standing.values()].map(({ alarm }) => alarm));
  }

  takeDropped(): ReadonlyMap<string, string> {
    const dropped = this.#dropped;
    this.#dropped = new Map();
    return dropped;
  }

  claim(): Promise<boolean> {
    return Promise.resolve(true);
  }

  settle(alarm: Alarm, { worked }: Ending): Promise<void> {
    for (const fact of this.#standing.values())
      if (fact.alarm.id === alarm.id && worked) fact.settled = true;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const goneNotes = {
  unknown: 'systemd knows no such unit any more',
  unfollowed: 'nobody follows this unit any more',
} as const;

export interface FactsOptions {
  /** Whether such a fact about a process is an alarm. */
  readonly isOn: (process: string, kind: RepairOn) => boolean;
  readonly nowUs: () => RealtimeUs;
  /** Alarms of a source came or went. */
  readonly changed: (source: FactSource) => void;
  /** What raised an alarm has become worse. */
  readonly worse: (alarmId: string) => void;
}

/** Keeps what is an alarm of what the agent itself sees. */
export class Facts {
  readonly findings = new FactSource('finding');
  readonly checks = new FactSource('check');
  readonly units = new FactSource('unit');
  readonly #options: FactsOptions;

  constructor(options: FactsOptions) {
    this.#options = options;
  }

  get sources(): readonly FactSource[] {
    return [this.findings, this.checks, this.units];
  }

  /** A finding opened, went on or was cleared. */
  finding({ id, pattern, service, phase, sentence }: Finding): void {
    if (pattern !== 'crash_loop' && pattern !== 'memory_leak') return;
    if (phase === 'cleared') {
      this.#clear(this.findings, id);
      return;
    }
    const told = { fact: id, process: service, kind: pattern, reason: sentence };
    const known = this.findings.idOf(id);
    if (known === undefined) this.#raise(this.findings, { ...told, id });
    else if (phase === 'updated' && this.findings.isSettled(id)) {
      this.findings.clear(id);
      this.#raise(this.findings, told);
    } else if (phase === 'updated') this.#options.worse(known);
  }

  /** @param process what the check looks at, or its name */
  check(name: string, process: string, state: CheckState, reason: string): void {
    // What runs without what it depends on is not down: that is for the other one's repair.
    if (isWell(state) || state === 'degraded') this.#clear(this.checks, name);
    else if (state !== 'unknown')
      this.#raise(this.checks, { fact: name, process, kind: 'check_down', reason });
  }

  /** @param failure why it will not come up by itself; undefined where it is not down */
  unit(name: string, failure: 'failed' | 'start_limit' | undefined): void {
    if (failure === undefined) {
      this.#clear(this.units, name);
      return;
    }
    const reason = failure === 'failed' ? 'it failed' : 'start limit hit';
    this.#raise(this.units, { fact: name, process: name, kind: failure, reason });
  }

  /** A unit is not there any more: how it was last is no alarm. */
  unitGone(name: string, why: keyof typeof goneNotes): void {
    this.#clear(this.units, name, goneNotes[why]);
  }

  /** The configuration changed: what it does not want any more is no alarm. */
  configured(): void {
    const { isOn } = this.#options;
    for (const source of this.sources)
      this.#drop(source, (_fact, kind, process) =>
        isOn(process, kind) ? undefined : `repair_on does not have ${kind} any more`,
      );
  }

  /** These are the checks that somebody follows: what others said counts no more. */
  followed(checks: ReadonlySet<string>): void {
    this.#drop(this.checks, (fact) =>
      checks.has(fact) ? undefined : 'there is no such check any more',
    );
  }

  #raise(source: FactSource, told: Told): void {
    const { isOn, nowUs, changed } = this.#options;
    if (isOn(told.process, told.kind) && source.raise(told, nowUs())) changed(source);
  }

  #drop(source: FactSource, why: Parameters<FactSource['drop']>[0]): void {
    if (source.drop(why)) this.#options.changed(source);
  }

  #clear(source: FactSource, fact: string, note = ''): void {
    if (source.clear(fact, note)) this.#options.changed(source);
  }
}
