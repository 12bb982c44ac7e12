import type { CheckState, CheckView } from '../../model/check.ts';
import type { Draft, Severity } from '../../model/event.ts';
import type { Component, ComponentUse } from '../../model/platform.ts';
import type { DurationUs, RealtimeUs } from '../../model/time.ts';
import { rfc3339 } from '../../model/time.ts';
import {
  type Change,
  type Held,
  heldAtFirst,
  type Moment,
  type ThresholdSettings,
  takeResult,
} from '../threshold.ts';
import type { ProcessStat } from './proc-table.ts';
import type { Judgement } from './state.ts';
import { Uses } from './uses.ts';

const severities: Readonly<Record<CheckState, Severity>> = {
  running: 'info',
  up: 'info',
  unknown: 'warning',
  degraded: 'warning',
  too_many: 'warning',
  missing: 'error',
  down: 'error',
};

/** One component from look to look: what was seen last, and what has been told. */
export class Followed {
  readonly component: Component;
  readonly #here: readonly string[];
  readonly #elsewhere: readonly string[];
  readonly #uses: Uses;
  #processes: readonly ProcessStat[] = [];
  #judgement: Judgement = { state: 'unknown', reason: 'not looked yet', waitsFor: [] };
  #sinceUs: RealtimeUs;
  #checkedUs: RealtimeUs = 0;
  #durationUs: DurationUs = 0;
  #held: Held;

  /**
   * @param here names of all components of this host
   * @param before what was known of the component of that name, or the time now
   */
  constructor(component: Component, here: ReadonlySet<string>, before: Followed | RealtimeUs) {
    this.component = component;
    this.#here = component.dependsOn.filter((name) => here.has(name));
    const away = component.dependsOn.filter((name) => !here.has(name));
    this.#elsewhere = [...new Set([...away, ...component.dependsOnElsewhere])];
    if (typeof before === 'number') {
      this.#sinceUs = before;
      this.#held = heldAtFirst(before);
      this.#uses = new Uses();
    } else {
      this.#processes = before.#processes;
      this.#judgement = before.#judgement;
      this.#sinceUs = before.#sinceUs;
      this.#checkedUs = before.#checkedUs;
      this.#durationUs = before.#durationUs;
      this.#held = before.#held;
      this.#uses = before.#uses;
    }
  }

  get processes(): readonly ProcessStat[] {
    return this.#processes;
  }

  saw(processes: readonly ProcessStat[]): void {
    this.#processes = processes;
    this.#uses.take(processes);
  }

  /** Takes in the judgement of one check; an event where it is a change to be told. */
  take(
    judgement: Judgement,
    now: Moment,
    durationUs: DurationUs,
    thresholds: ThresholdSettings,
  ): Draft | undefined {
    if (judgement.state !== this.#judgement.state) this.#sinceUs = now.realtimeUs;
    this.#judgement = judgement;
    this.#checkedUs = now.realtimeUs;
    this.#durationUs = durationUs;
    const { held, change } = takeResult(this.#held, judgement.state, now, thresholds);
    this.#held = held;
    // That it runs when it is first looked at is no change.
    const isNews = change && (change.previous !== undefined || change.state !== 'running');
    return isNews ? this.#draft(change, now.realtimeUs) : undefined;
  }

  view(pidsMax: number): CheckView {
    const { name, unit } = this.component;
    const { state, reason } = this.#judgement;
    return {
      name,
      kind: unit === '' ? 'process' : 'unit',
      state,
      sinceUs: this.#sinceUs,
      checkedUs: this.#checkedUs,
      durationUs: this.#durationUs,
      reason,
      dependsOn: this.#here,
      elsewhere: this.#elsewhere,
      ...(unit === ''
        ? { ...this.#counts(), pids: this.#processes.slice(0, pidsMax).map(({ pid }) => pid) }
        : { unit }),
      outage: false,
    };
  }

  use(startSeconds: (ticks: number) => number): ComponentUse {
    const { state } = this.#judgement;
    const isUp = state === 'running' || state === 'degraded' || state === 'too_many';
    return this.#uses.use(this.component.name, isUp, startSeconds);
  }

  /** The bound that it is beyond, else the least that there should be. */
  #counts(): { readonly found: number; readonly expected: number } {
    const { min, max } = this.component;
    const found = this.#processes.length;
    return { found, expected: found > max ? max : min };
  }

  #draft({ state, previous, previousUs, results }: Change, nowUs: RealtimeUs): Draft {
    const { name, unit } = this.component;
    const { reason, waitsFor } = this.#judgement;
    const words = state.replace('_', ' ');
    return {
      time: rfc3339(nowUs),
      event_type: 'check',
      service: name,
      severity: severities[state],
      message: reason === '' ? `${name}: ${words}` : `${name}: ${words}, ${reason}`,
      ...(this.#here.length > 0 && { depends_on: this.#here }),
      data: {
        kind: unit === '' ? 'process' : 'unit',
        state,
        ...(previous !== undefined && { previous, previous_s: previousUs / 1e6 }),
        ...(reason !== '' && { reason }),
        results,
        ...(unit === '' && this.#counts()),
        ...(waitsFor.length > 0 && { waits_for: waitsFor }),
      },
    };
  }
}
