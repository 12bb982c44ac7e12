import type { UnitView } from '../model/unit.ts';
import type { AgentView } from '../model/view.ts';
import type { ProcessFigures } from './process-figures.ts';

/** What stands in HELP and TYPE, and in docs/metrics.md. */
export interface Declared {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Sums over all units, made in the one walk of a scrape. */
export interface Tally {
  /** Units followed, absent ones included. */
  units: number;
  containers: number;
  /** Units that systemd knows, by ActiveState. */
  readonly states: Map<string, number>;
}

/** Everything that a scrape reads, besides the units. */
export interface Source {
  readonly view: AgentView;
  readonly process: ProcessFigures;
  readonly tally: Readonly<Tally>;
}

/** One line of a family. */
export interface Sample {
  /** The family's own name when absent. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A family with a handful of lines, whatever the number of units. */
export interface AgentMetric extends Declared {
  samples(source: Source): Iterable<Sample>;
}

/** The last label of a family, and all its values: a unit has one line for each. */
export interface LastLabel {
  readonly label: string;
  readonly values: readonly string[];
}

/** A family with lines for each unit, all of them labelled with the unit's `name`. */
export type UnitMetric = Declared & {
  /** Units that have lines in it; all of them when absent. */
  covers?(unit: UnitView): boolean;
  /** Value of the label `type`, where the family has it. */
  unitType?(unit: UnitView): string;
} & (
    | {
        readonly each?: LastLabel;
        /** `each` is the value of the last label; empty where there is none. */
        value(unit: UnitView, each: string): number;
      }
    | {
        readonly oneOf: LastLabel;
        /** The value of the last label whose line is 1; the others are 0. */
        which(unit: UnitView): string;
      }
  );
