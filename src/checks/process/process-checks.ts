import { isDeepStrictEqual } from 'node:util';
import type { CheckView } from '../../model/check.ts';
import type { Draft } from '../../model/event.ts';
import type { Component, ComponentUse } from '../../model/platform.ts';
import type { Clock } from '../../model/time.ts';
import type { UnitView } from '../../model/unit.ts';
import { variablesOf } from '../regex.ts';
import { Schedule } from '../schedule.ts';
import type { ThresholdSettings } from '../threshold.ts';
import { DependencyOrder } from './dependencies.ts';
import { Followed } from './followed.ts';
import type { HostPlan } from './hosts.ts';
import { variablesFor } from './hosts.ts';
import { type Look, lookAtProcesses, type Wanted } from './look.ts';
import { type Matcher, matcherOf } from './match.ts';
import { ProcTable } from './proc-table.ts';
import { type ProcessRow, processRows } from './rows.ts';
import { type Judgement, judgeProcesses, judgeUnit, withDependencies } from './state.ts';
import { lookUpUser } from './users.ts';

/** What is checked; a reload brings new ones. */
export interface ProcessCheckSettings {
  readonly plan: HostPlan;
  /** Addresses of this machine now, for `${host.ip}` where the plan has none; asked at each look. */
  readonly addresses: () => readonly string[];
  readonly thresholds: ThresholdSettings;
  readonly intervalMs: number;
  /** Time limit of one look at all processes. */
  readonly timeoutMs: number;
}

export interface ProcessCheckOptions extends ProcessCheckSettings {
  /** What systemd says of a unit; undefined where it has not said anything yet. */
  lookUpUnit(name: string): UnitView | undefined;
  readonly clock: Clock;
  /** A component changed; thresholds are taken into account. */
  onChange(draft: Draft): void;
  /** Usually /proc. */
  readonly procRoot?: string;
  /** The user that looks; its own processes are never hidden from it. */
  readonly uid: number;
}

/** PIDs in a view; beyond it their number is enough. */
const pidsMax = 100;

/** One process, so that no later one with its PID is taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

interface Prepared {
  readonly matcher: Matcher;
  readonly wanted: readonly Wanted[];
}

/** Follows the components of one host: one look at all processes every interval. */
export class ProcessChecks {
  readonly #options: ProcessCheckOptions;
  readonly #table: ProcTable;
  readonly #schedule: Schedule;
  #settings: ProcessCheckSettings;
  #order: DependencyOrder;
  #followed: ReadonlyMap<string, Followed>;
  /** Made of the settings when they are first used: users and regexes take a moment. */
  #prepared: Promise<Prepared> | undefined;
  /** Those that it was made with. */
  #addresses: readonly string[] = [];
  /** ps-list's table, at most once between two looks. */
  #rows: Promise<ReadonlyMap<number, ProcessRow>> | undefined;

  constructor(options: ProcessCheckOptions) {
    this.#options = options;
    this.#settings = options;
    this.#table = new ProcTable(options.procRoot);
    this.#order = new DependencyOrder(options.plan.components);
    this.#followed = this.#follow();
    this.#schedule = new Schedule({
      intervalMs: options.intervalMs,
      clock: options.clock,
      run: () => this.#check(),
    });
  }

  /** The first check begins at once. */
  start(): void {
    this.#schedule.start();
  }

  /** Resolves when nothing is under way any more. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  /** A full check that begins now; those who ask at once share it. */
  async checkNow(): Promise<readonly CheckView[]> {
    await this.#schedule.runNow();
    return this.views();
  }

  /** As they were last seen: thresholds hold back events, not what is shown. */
  views(): readonly CheckView[] {
    return [...this.#followed.values()].map((followed) => followed.view(pidsMax));
  }

  /** What each component uses, for metrics. */
  uses(): readonly ComponentUse[] {
    return [...this.#followed.values()].map((followed) =>
      followed.use((ticks) => this.#table.startSeconds(ticks)),
    );
  }

  /** The order in which components are started and stopped, and who suffers. */
  get order(): DependencyOrder {
    return this.#order;
  }

  /** In the order of the configuration. */
  get components(): readonly Component[] {
    return this.#settings.plan.components;
  }

  component(name: string): Component | undefined {
    return this.#followed.get(name)?.component;
  }

  /** All processes of a component, as they were last seen. */
  identities(name: string): readonly ProcessIdentity[] {
    return this.#followed.get(name)?.processes ?? [];
  }

  /**
   * The processes of a component as ps(1) shows them; those that have ended since are left out.
   * `fault` says why there are none where ps(1) could not be run; it is tried again after the next
   * check.
   */
  async rows(
    name: string,
  ): Promise<{ readonly rows: readonly ProcessRow[]; readonly fault: string }> {
    const all = [...this.#followed.values()].flatMap(({ processes }) => processes);
    this.#rows ??= processRows(new Set(all.map(({ pid }) => pid)));
    try {
      const rows = await this.#rows;
      return { rows: this.identities(name).flatMap(({ pid }) => rows.get(pid) ?? []), fault: '' };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { rows: [], fault: `the process table could not be read: ${reason}` };
    }
  }

  /**
   * Goes over to other components; those that stay keep what is known of them. Where one is new or
   * has another description, all are looked at at once: one look, however often this is called meanwhile.
   */
  reload(settings: ProcessCheckSettings): void {
    const isNews = settings.plan.components.some(
      (one) => !isDeepStrictEqual(one, this.component(one.name)),
    );
    this.#settings = settings;
    this.#schedule.changeInterval(settings.intervalMs);
    this.#order = new DependencyOrder(settings.plan.components);
    this.#followed = this.#follow();
    this.#prepared = undefined;
    if (isNews) this.#schedule.soon();
  }

  #follow(): ReadonlyMap<string, Followed> {
    const nowUs = this.#options.clock.realtimeUs();
    const here = new Set(this.#settings.plan.components.map(({ name }) => name));
    return new Map(
      this.#settings.plan.components.map((component) => [
        component.name,
        new Followed(component, here, this.#followed?.get(component.name) ?? nowUs),
      ]),
    );
  }

  async #check(): Promise<void> {
    const { clock } = this.#options;
    const fromUs = clock.monotonicUs();
    const followed = this.#followed;
    const { matcher, wanted } = await this.#preparedNow();
    const limitUs = this.#settings.timeoutMs * 1e3;
    const look = await lookAtProcesses(this.#table, matcher, wanted, clock, limitUs);
    // A reload came meanwhile: what was seen is about components that are gone.
    if (followed !== this.#followed) return this.#check();
    this.#rows = undefined;
    const judgements = new Map<string, Judgement>();
    wanted.forEach(({ component, uid }, place) => {
      const found = look.found[place] ?? [];
      const fault = matcher.fault(place);
      // What was not looked at has not ended: its CPU time would count twice when it is found again.
      if (fault === '' && !look.late) followed.get(component.name)?.saw(found);
      const doubt = fault || noUser(component, uid) || this.#doubt(look, uid !== this.#options.uid);
      const judgement =
        component.unit === ''
          ? judgeProcesses(component, { found: found.length, doubt })
          : judgeUnit(this.#options.lookUpUnit(component.unit));
      judgements.set(component.name, judgement);
    });
    // A user who is not there now may be made later.
    if (wanted.some(({ uid }) => Number.isNaN(uid))) this.#prepared = undefined;
    this.#tell(judgements, clock.monotonicUs() - fromUs);
  }

  #doubt(look: Look, isOthers: boolean): string {
    if (look.late) return `looking took longer than ${this.#settings.timeoutMs / 1e3} s`;
    return look.hidden && isOthers ? 'not permitted to see all processes' : '';
  }

  #tell(judgements: ReadonlyMap<string, Judgement>, durationUs: number): void {
    const { clock, onChange } = this.#options;
    const now = { realtimeUs: clock.realtimeUs(), monotonicUs: clock.monotonicUs() };
    const judged = withDependencies(judgements, (name) => this.#order.needs(name));
    for (const [name, judgement] of judged) {
      const draft = this.#followed
        .get(name)
        ?.take(judgement, now, durationUs, this.#settings.thresholds);
      if (draft) onChange(draft);
    }
  }

  #preparedNow(): Promise<Prepared> {
    const { plan, addresses } = this.#settings;
    const now = needsAddresses(plan) ? addresses() : [];
    if (!isDeepStrictEqual(now, this.#addresses)) this.#prepared = undefined;
    this.#addresses = now;
    this.#prepared ??= this.#prepare(plan, now);
    return this.#prepared;
  }

  async #prepare(plan: HostPlan, addresses: readonly string[]): Promise<Prepared> {
    const { clock } = this.#options;
    const matcher = await matcherOf(plan.components, variablesFor(plan, addresses), () =>
      clock.monotonicUs(),
    );
    const wanted: Wanted[] = [];
    for (const component of plan.components) {
      wanted.push({ component, uid: await uidOf(component.user) });
    }
    return { matcher, wanted };
  }
}

/** Interfaces come and go where containers do: nothing is made anew for those that nobody looks for. */
function needsAddresses({ ip, components }: HostPlan): boolean {
  const regexes = components.flatMap(({ criteria }) => criteria.map(({ regex }) => regex));
  return ip === '' && regexes.some((regex) => variablesOf(regex).includes('host.ip'));
}

/** undefined for any user; NaN, which no process has, for one that does not exist. */
async function uidOf(user: string): Promise<number | undefined> {
  if (user === '') return undefined;
  if (/^\d+$/.test(user)) return Number(user);
  return (await lookUpUser(user))?.uid ?? Number.NaN;
}

function noUser({ user }: Component, uid: number | undefined): string {
  return Number.isNaN(uid) ? `there is no user ${user}` : '';
}
