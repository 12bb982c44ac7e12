/** Settings of a scorer. One setting serves every kind of series; a small `memory` is the light form. */
export interface SeriesOptions {
  /** Values remembered; the histories of the views forget at the same pace. */
  readonly memory: number;
  /** Values before anything is scored. */
  readonly warmUp: number;
  /** Lengths of the two runs that are compared with earlier runs, in values. */
  readonly runs: readonly [number, number];
  /** Classes of equal share that values are sorted into for their context. */
  readonly symbols: number;
  /** Longest context, in values. */
  readonly order: number;
  /** A score is told only where it exceeds those of this many values before it. */
  readonly recordSpan: number;
  /** Distances below this share of the series' spread are noise, however quiet the view has been. */
  readonly floor: number;
  /** How much the novelty of the value itself weighs against each of the other four views. */
  readonly valueWeight: number;
  /** Whether what is usual at this time of day is learned. */
  readonly timeOfDay: boolean;
}

/** docs/detection-series.md shows what changing each of them does. */
export const seriesDefaults: SeriesOptions = Object.freeze({
  memory: 1500,
  warmUp: 100,
  runs: [8, 24] as const,
  symbols: 4,
  order: 5,
  recordSpan: 100,
  floor: 0.2,
  valueWeight: 2,
  timeOfDay: true,
});

/**
 * The light form, for thousands of short series at once (one value for each life of a service):
 * 3 KB instead of 60, and a tenth of the time.
 */
export const lightSeries: SeriesOptions = Object.freeze({
  ...seriesDefaults,
  memory: 64,
  warmUp: 20,
  runs: [2, 6] as const,
  order: 2,
  recordSpan: 5,
  timeOfDay: false,
});

/** The score from which the agent calls a value an anomaly. */
export const seriesThreshold = 0.5;
