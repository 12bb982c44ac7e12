import type { CheckState, CheckView } from '../model/check.ts';
import type { Draft } from '../model/event.ts';
import { type EndpointUse, type ProbeFault, type ProbeResult, probeState } from '../model/probe.ts';
import type { DurationUs, RealtimeUs } from '../model/time.ts';
import { humanDuration, rfc3339 } from '../model/time.ts';
import type { ProbeContext, Prober } from './endpoints-contract.ts';
import { type Endpoint, openProber } from './endpoints-kinds.ts';
import {
  type Change,
  type Held,
  heldAtFirst,
  type ThresholdSettings,
  takeResult,
} from './threshold.ts';

/** Ends of certificates that are remembered: servers behind one name that each have their own are few. */
const warnedMax = 16;

/** What is known of an endpoint from probe to probe. */
interface Known {
  readonly sinceUs: RealtimeUs;
  readonly held: Held;
  readonly last: ProbeResult | undefined;
  readonly results: Partial<Record<'up' | ProbeFault, number>>;
  /** Ends of certificates that were warned of and are to come: several can be behind one name. */
  readonly warned: readonly RealtimeUs[];
}

/** One endpoint: what it was found to be, what has been told, and when it is looked at. */
export class FollowedEndpoint {
  readonly endpoint: Endpoint;
  readonly prober: Prober;
  /** Asked for by others in place of the configured one. */
  intervalMs: number | undefined;
  /** Counts up whenever it is due anew: older entries of the queue count no more. */
  turn = 0;
  /** When its last probe began; -Infinity for never. */
  begunUs: DurationUs = -Infinity;
  isRunning = false;
  /** It is due, and waits for its place; since when it has been due. */
  waitsSinceUs: DurationUs | undefined;
  /** Each wants a probe that has not begun yet. */
  readonly asking: (() => void)[] = [];
  skipped = 0;
  latenessSeconds = 0;
  #known: Known;

  /** @param before what was known of the endpoint of that name, or the time now */
  constructor(endpoint: Endpoint, context: ProbeContext, before: FollowedEndpoint | RealtimeUs) {
    this.endpoint = endpoint;
    this.prober = openProber(endpoint, context);
    if (typeof before === 'number') {
      const held = heldAtFirst(before);
      this.#known = { sinceUs: before, held, last: undefined, results: {}, warned: [] };
    } else {
      this.#known = before.#known;
      this.intervalMs = before.intervalMs;
      this.begunUs = before.begunUs;
      this.skipped = before.skipped;
    }
  }

  get intervalUs(): DurationUs {
    return Math.max(1_000, this.intervalMs ?? this.endpoint.intervalMs) * 1e3;
  }

  /** Takes in a result; events where there is something to tell. */
  take(
    result: ProbeResult,
    nowUs: RealtimeUs,
    monotonicUs: DurationUs,
    all: ThresholdSettings,
  ): readonly Draft[] {
    const { last, sinceUs, held: before, results, warned } = this.#known;
    const state = probeState(result);
    const isSame = last !== undefined && probeState(last) === state;
    const outcome = result.fault ?? 'up';
    results[outcome] = (results[outcome] ?? 0) + 1;
    const thresholds = { ...all, ...this.endpoint.thresholds };
    const now = { realtimeUs: nowUs, monotonicUs };
    const { held, change } = takeResult(before, state, now, thresholds);
    const endsUs = this.#endsSoon(result, nowUs);
    const isWarning = endsUs !== undefined && !warned.includes(endsUs);
    const toCome = warned.filter((endUs) => endUs > nowUs);
    this.#known = {
      sinceUs: isSame ? sinceUs : nowUs,
      held,
      last: result,
      results,
      warned: isWarning ? [...toCome, endsUs].slice(-warnedMax) : toCome,
    };
    // That it is up when it is first looked at is no change.
    const isNews = change && (change.previous !== undefined || change.state !== 'up');
    return [
      ...(isNews ? [this.#draft(change, result, nowUs)] : []),
      ...(isWarning ? [this.#warning(endsUs - nowUs, result, nowUs)] : []),
    ];
  }

  view(): CheckView {
    const { last, sinceUs } = this.#known;
    const { name, kind } = this.endpoint;
    return {
      name,
      kind,
      state: last ? probeState(last) : 'unknown',
      sinceUs,
      checkedUs: last?.timeUs ?? 0,
      durationUs: (last?.durationSeconds ?? 0) * 1e6,
      reason: last ? last.reason : 'not looked yet',
      dependsOn: [],
      outage: false,
    };
  }

  use(): EndpointUse {
    const { last, results } = this.#known;
    return {
      name: this.endpoint.name,
      kind: this.endpoint.kind,
      target: this.prober.target,
      last,
      results,
      skipped: this.skipped,
      latenessSeconds: this.latenessSeconds,
    };
  }

  /** End of a valid certificate that is near; undefined where there is nothing to warn of. */
  #endsSoon({ up, certificateEndUs }: ProbeResult, nowUs: RealtimeUs): RealtimeUs | undefined {
    const { certificateWarningUs = 0 } = this.endpoint;
    if (!up || certificateEndUs === undefined || certificateEndUs <= nowUs) return undefined;
    return certificateEndUs - nowUs < certificateWarningUs ? certificateEndUs : undefined;
  }

  #warning(leftUs: DurationUs, result: ProbeResult, nowUs: RealtimeUs): Draft {
    const { name, kind } = this.endpoint;
    const reason = `the certificate ends in ${humanDuration(leftUs)}`;
    return {
      time: rfc3339(nowUs),
      event_type: 'check',
      service: name,
      severity: 'warning',
      message: `${name}: up, ${reason}`,
      data: { kind, state: 'up', reason, details: this.#details(result, nowUs) },
    };
  }

  #draft(change: Change, result: ProbeResult, nowUs: RealtimeUs): Draft {
    const { state, previous, previousUs, results } = change;
    const { name, kind } = this.endpoint;
    const { reason } = result;
    return {
      time: rfc3339(nowUs),
      event_type: 'check',
      service: name,
      severity: severityOf(state),
      message: reason === '' ? `${name}: ${state}` : `${name}: ${state}, ${reason}`,
      data: {
        kind,
        state,
        ...(previous !== undefined && { previous, previous_s: previousUs / 1e6 }),
        ...(reason !== '' && { reason }),
        results,
        duration_s: result.durationSeconds,
        details: this.#details(result, nowUs),
      },
    };
  }

  #details(result: ProbeResult, nowUs: RealtimeUs): Readonly<Record<string, unknown>> {
    const { fault, address, attempts, status, redirects, bodyBytes, certificateEndUs } = result;
    return {
      target: this.prober.target,
      ...(fault !== undefined && { fault }),
      ...(address !== undefined && { address }),
      attempts,
      ...(status !== undefined && { status }),
      ...(redirects !== undefined && { redirects }),
      ...(bodyBytes !== undefined && { body_bytes: bodyBytes }),
      ...(certificateEndUs !== undefined && {
        certificate_ends: rfc3339(certificateEndUs),
        certificate_days: (certificateEndUs - nowUs) / dayUs,
      }),
      phases_s: result.phaseSeconds,
    };
  }
}

const dayUs = 86_400e6;

function severityOf(state: CheckState): 'info' | 'warning' | 'error' {
  if (state === 'up') return 'info';
  return state === 'unknown' ? 'warning' : 'error';
}
