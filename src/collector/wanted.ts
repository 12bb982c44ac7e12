/** Why the table is read, the weightier the later: each of them reads what those before it read. */
const reasons = [
  'reconciliation',
  'configuration',
  'overflow',
  'daemon-reload',
  'start',
  'systemd is back',
] as const;

/** Why the table was read. */
export type ResyncReason = (typeof reasons)[number];

/** A reading of the table that has not begun. */
export interface Wanted {
  readonly reason: ResyncReason;
  /** Also of units whose state is the one that we know. */
  readonly readAll: boolean;
  /** What timers start may be another unit now. */
  readonly timersAnew: boolean;
}

/** One reading for all that is wanted: the weightiest reason is told, and nothing of the others is left out. */
export function wantedAlso(
  before: Wanted | undefined,
  reason: ResyncReason,
  readAll: boolean,
): Wanted {
  const first = before?.reason ?? reason;
  const isWeightier = reasons.indexOf(first) > reasons.indexOf(reason);
  return {
    reason: isWeightier ? first : reason,
    readAll: readAll || before?.readAll === true,
    timersAnew: reason === 'daemon-reload' || before?.timersAnew === true,
  };
}
