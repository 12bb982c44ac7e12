import type { Event } from '../../model/event.ts';
import { lineOf } from '../../model/line.ts';
import { type ProbeResult, probePhases } from '../../model/probe.ts';
import { type RealtimeUs, realtimeUs, rfc3339 } from '../../model/time.ts';
import type { Row } from './contract.ts';

/**
 * Longest name and service: unit names have 255 bytes, and PostgreSQL indexes no text of more than
 * 2,704.
 */
const nameMax = 255;
/** Longest reason and message: a sentence or two. */
const textMax = 2_000;
/** PostgreSQL's smallest integer type that holds every status code there is. */
const statusMax = 32_767;

/** A result as the row that PostgreSQL will store. */
export function resultRow(result: ProbeResult, id: string, host: string, nowUs: RealtimeUs): Row {
  const { status, phaseSeconds } = result;
  const phases = probePhases.flatMap((phase) => {
    const lasted = phaseSeconds[phase];
    return lasted === undefined ? [] : [[phase, seconds(lasted)]];
  });
  const body = {
    id,
    time: rfc3339(result.timeUs),
    host: cut(host, nameMax),
    name: cut(result.name, nameMax),
    kind: result.kind,
    up: result.up,
    reason: cut(result.reason, textMax),
    duration_s: seconds(result.durationSeconds),
    ...(phases.length > 0 && { phases: Object.fromEntries(phases) }),
    ...(status !== undefined && isStatus(status) && { status }),
    ...(result.outage && { outage: true }),
    details: {
      fault: result.fault,
      address: result.address && cut(result.address, nameMax),
      attempts: result.attempts,
      redirects: result.redirects,
    },
  };
  return { kind: 'result', atUs: nowUs, body: cleanJson(JSON.stringify(body)) };
}

/** An event as the row that PostgreSQL will store: the line of NDJSON, and what is sought in it. */
export function eventRow(event: Event, id: string, nowUs: RealtimeUs): Row {
  const body = {
    id,
    time: rfc3339(realtimeUs(event.time)),
    host: cut(event.host, nameMax),
    seq: event.seq,
    event_type: event.event_type,
    service: cut(event.service, nameMax),
    severity: event.severity,
    ...(event.message !== undefined && { message: cut(event.message, textMax) }),
  };
  const line = cleanJson(lineOf(event).trimEnd());
  return {
    kind: 'event',
    atUs: nowUs,
    body: `${cleanJson(JSON.stringify(body)).slice(0, -1)},"event":${line}}`,
  };
}

/**
 * What JSON allows in a string and PostgreSQL's jsonb does not: NUL, and halves of surrogate pairs.
 * JSON.stringify writes exactly these, and only these, as escapes of this form.
 */
export function cleanJson(json: string): string {
  if (!json.includes('\\u')) return json;
  return json.replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (found) =>
    found.length === 6 ? '\\ufffd' : found,
  );
}

function cut(text: string, max: number): string {
  return text.length > max ? text.slice(0, max) : text;
}

/** To the microsecond: a difference of two clocks has digits that mean nothing. */
function seconds(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 1e6) / 1e6 : 0;
}

function isStatus(status: number): boolean {
  return Number.isInteger(status) && Math.abs(status) <= statusMax;
}
