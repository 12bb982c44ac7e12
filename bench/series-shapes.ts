/** A seeded generator (mulberry32), so that every run makes the same series. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A series sampled every five minutes, and where something unusual is in it. */
export interface LabelledSeries {
  readonly shape: string;
  readonly timesUs: Float64Array;
  readonly values: Float64Array;
  /** First and last row of what is unusual; undefined where nothing is. */
  readonly window: readonly [number, number] | undefined;
}

const rows = 4032;
const stepUs = 300e6;
const startUs = 1_400_025_600e6;
const perDay = 288;
/** The day that is spoilt: the eleventh, as in NAB's artificial series. */
const spoilt = 10 * perDay;

type Value = (row: number, noise: () => number) => number;

/** 20 at night, 80 by day, with slopes of an hour. */
function daily(row: number): number {
  const hour = ((row % perDay) / perDay) * 24;
  const up = Math.min(Math.max(hour - 8, 0), 1);
  const down = Math.min(Math.max(hour - 18, 0), 1);
  return 20 + 60 * (up - down);
}

const noisy = (row: number, noise: () => number) => daily(row) + 3 * noise();
const isBlip = (row: number, every: number) => row % every === 0;

interface Shape {
  readonly ordinary: Value;
  readonly unusual?: Value;
  readonly from?: number;
  readonly to?: number;
}

const noon = spoilt + perDay / 2;
/** What happens, and to what kind of series; windows are as wide as NAB's: a tenth of the series. */
const shapes: Readonly<Record<string, Shape>> = {
  'nothing, daily': { ordinary: noisy },
  'nothing, noise': { ordinary: (_, noise) => 40 + 5 * noise() },
  'nothing, constant': { ordinary: () => 17 },
  'nothing, random walk': { ordinary: (_, noise) => noise() },
  spike: { ordinary: noisy, unusual: () => 150, from: noon, to: noon + 2 },
  dip: { ordinary: (_, n) => 50 + 5 * n(), unusual: () => 5, from: noon, to: noon + 2 },
  'spike on a constant': { ordinary: () => 17, unusual: () => 30, from: noon, to: noon + 2 },
  'level shift': {
    ordinary: (_, n) => 50 + 3 * n(),
    unusual: (_, n) => 75 + 3 * n(),
    from: noon,
    to: rows,
  },
  'day missing': {
    ordinary: noisy,
    unusual: (_, n) => 20 + 3 * n(),
    from: spoilt + 96,
    to: spoilt + 228,
  },
  'busy night': {
    ordinary: noisy,
    unusual: (_, n) => 80 + 3 * n(),
    from: spoilt + 12,
    to: spoilt + 60,
  },
  'flat line': {
    ordinary: (_, n) => 50 + 5 * n(),
    unusual: () => 50.3,
    from: spoilt,
    to: spoilt + 144,
  },
  'denser spikes': {
    ordinary: (row) => (isBlip(row, 48) ? 20 : 0),
    unusual: (row) => (isBlip(row, 6) ? 20 : 0),
    from: spoilt,
    to: spoilt + 288,
  },
  'louder noise': {
    ordinary: (_, n) => 50 + 3 * n(),
    unusual: (_, n) => 50 + 12 * n(),
    from: spoilt,
    to: spoilt + 288,
  },
};

export const shapeNames: readonly string[] = Object.keys(shapes);

/** One series of a shape. @throws Error for a shape that there is not */
export function makeSeries(shape: string, seed: number): LabelledSeries {
  const made = shapes[shape];
  if (made === undefined) throw new Error(`no shape ${shape}`);
  const random = seeded(seed);
  const normal = () => (random() + random() + random() + random() - 2) * Math.sqrt(3);
  const { ordinary, unusual, from = rows, to = rows } = made;
  const timesUs = new Float64Array(rows);
  const values = new Float64Array(rows);
  const walks = shape === 'nothing, random walk';
  for (let row = 0; row < rows; row++) {
    const value = unusual && row >= from && row < to ? unusual : ordinary;
    timesUs[row] = startUs + row * stepUs;
    values[row] = value(row, normal) + (walks && row > 0 ? (values[row - 1] as number) : 0);
  }
  const window = unusual ? ([from, Math.min(from + rows / 10, rows - 1)] as const) : undefined;
  return { shape, timesUs, values, window };
}
