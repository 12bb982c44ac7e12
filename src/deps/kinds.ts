import type { DependencyProperty } from '../model/dependencies.ts';

/**
 * Dependency kinds in both directions. Their order is the one in which systemd follows them when it
 * puts a transaction together (transaction_add_job_and_dependencies(), src/core/transaction.c), so
 * that one walk over a unit's sorted edges meets them in that order.
 */
export const kinds = [
  'Requires',
  'BindsTo',
  'Wants',
  'Upholds',
  'Requisite',
  'Conflicts',
  'ConflictedBy',
  'RequiredBy',
  'RequisiteOf',
  'BoundBy',
  'ConsistsOf',
  'PropagatesStopTo',
  'After',
  'Before',
  'OnFailure',
  'OnSuccess',
  'Triggers',
  'TriggeredBy',
  'WantedBy',
  'UpheldBy',
  'PartOf',
  'StopPropagatedFrom',
  'OnFailureOf',
  'OnSuccessOf',
] as const;

export type Kind = (typeof kinds)[number];

/** Number of each kind: its place in `kinds`. */
export const kindNumber: Readonly<Record<Kind, number>> = Object.fromEntries(
  kinds.map((kind, i) => [kind, i]),
) as Record<Kind, number>;

/** inverse_table of unit_add_dependency(), src/core/unit.c. */
const reverseOf: Readonly<Record<DependencyProperty, Kind>> = {
  Requires: 'RequiredBy',
  BindsTo: 'BoundBy',
  Wants: 'WantedBy',
  Upholds: 'UpheldBy',
  Requisite: 'RequisiteOf',
  Conflicts: 'ConflictedBy',
  PropagatesStopTo: 'StopPropagatedFrom',
  After: 'Before',
  OnFailure: 'OnFailureOf',
  OnSuccess: 'OnSuccessOf',
  Triggers: 'TriggeredBy',
  PartOf: 'ConsistsOf',
};

/** Number of the reverse of each kind, by number. */
export const inverse: readonly number[] = kinds.map((kind) => {
  const reverse = (reverseOf as Readonly<Record<string, Kind>>)[kind];
  if (reverse !== undefined) return kindNumber[reverse];
  const [forward] = Object.entries(reverseOf).find(([, other]) => other === kind) ?? [kind];
  return kindNumber[forward as Kind];
});

/** A set of kinds as bits. */
export type KindSet = number;

/** The set that holds these kinds. */
export function kindSet(...members: readonly Kind[]): KindSet {
  return members.reduce((set, kind) => set | (1 << kindNumber[kind]), 0);
}

/** What a unit cannot do without. */
export const needs: KindSet = kindSet('Requires', 'BindsTo', 'Requisite');

/**
 * What systemd calls atoms: which kinds have which effect. Equal in all versions known here; the
 * rest is in versions.ts. Source: atom_map, src/core/unit-dependency-atom.c.
 */
export const atoms = {
  /** A start pulls it in, and fails without it. PULL_IN_START. */
  pullInStart: kindSet('Requires', 'BindsTo'),
  /** A start pulls it in, and goes on without it. PULL_IN_START_IGNORED. */
  pullInWanted: kindSet('Wants', 'Upholds'),
  /** A start fails unless it is up already. PULL_IN_VERIFY. */
  pullInVerify: kindSet('Requisite'),
  /** A start stops it. PULL_IN_STOP. */
  pullInStop: kindSet('Conflicts'),
  /** A start stops it, where that is possible. PULL_IN_STOP_IGNORED. */
  pullInStopIgnored: kindSet('ConflictedBy'),
  /** A stop stops it too. PROPAGATE_STOP, but for PropagatesStopTo=, see versions.ts. */
  propagateStop: kindSet('RequiredBy', 'RequisiteOf', 'BoundBy', 'ConsistsOf'),
  /** Its start fails when ours does. PROPAGATE_START_FAILURE. */
  startFailure: kindSet('RequiredBy', 'RequisiteOf', 'BoundBy'),
  /** PROPAGATE_INACTIVE_START_AS_FAILURE. */
  inactiveStartFailure: kindSet('RequisiteOf'),
  /** PROPAGATE_STOP_FAILURE. */
  stopFailure: kindSet('ConflictedBy'),
  /** Started when we come up unasked. RETROACTIVE_START_REPLACE, _FAIL. */
  retroactiveStart: kindSet('Requires', 'BindsTo', 'Upholds'),
  retroactiveWanted: kindSet('Wants'),
  /** Stopped when we come up unasked. RETROACTIVE_STOP_ON_START. */
  retroactiveStopOnStart: kindSet('Conflicts', 'ConflictedBy'),
  /** Stopped when we go down unasked. RETROACTIVE_STOP_ON_STOP. */
  retroactiveStopOnStop: kindSet('BoundBy', 'PropagatesStopTo'),
  /** Checked for StopWhenUnneeded= when we go down. ADD_STOP_WHEN_UNNEEDED_QUEUE. */
  mayBeUnneeded: kindSet('Requires', 'Requisite', 'Wants', 'BindsTo', 'Upholds'),
  /** Keep a unit with StopWhenUnneeded= up. PINS_STOP_WHEN_UNNEEDED. */
  pins: kindSet('RequiredBy', 'RequisiteOf', 'WantedBy', 'BoundBy', 'UpheldBy'),
  /** START_STEADILY and ADD_START_WHEN_UPHELD_QUEUE. */
  upheldBy: kindSet('UpheldBy'),
  upholds: kindSet('Upholds'),
  /** CANNOT_BE_ACTIVE_WITHOUT and ADD_CANNOT_BE_ACTIVE_WITHOUT_QUEUE. */
  boundTo: kindSet('BindsTo'),
  boundBy: kindSet('BoundBy'),
  after: kindSet('After'),
  before: kindSet('Before'),
  onFailure: kindSet('OnFailure'),
  onSuccess: kindSet('OnSuccess'),
  triggers: kindSet('Triggers'),
  stopTo: kindSet('PropagatesStopTo'),
} as const;
