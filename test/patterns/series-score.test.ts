import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { makeSeries, seeded, shapeNames } from '../../bench/series-shapes.ts';
import { lightSeries, seriesThreshold } from '../../src/patterns/series/options.ts';
import { SeriesScorer } from '../../src/patterns/series-score.ts';

const step = 300e6;

function scores(values: readonly number[] | Float64Array, timeAt = (i: number) => i * step) {
  const scorer = new SeriesScorer();
  return Array.from(values, (value, i) => scorer.score(timeAt(i), value));
}

const alarms = (of: readonly number[]) =>
  of.flatMap((score, i) => (score >= seriesThreshold ? [i] : []));

/** Noise about 50, of a Gaussian-like width 3. */
function noise(count: number, seed = 1): number[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => 50 + 3 * (random() + random() + random() - 1.5));
}

/** Alarms that one in a thousand ordinary values may raise. */
const falsePerThousand = 3;

describe('series scorer', () => {
  for (const shape of shapeNames) {
    it(`${shape}: ${shape.startsWith('nothing') ? 'no more than a few alarms' : 'found'}`, () => {
      for (const seed of [11, 12]) {
        const { values, timesUs, window } = makeSeries(shape, seed);
        const raised = alarms(scores(values, (i) => timesUs[i] as number));
        const [from, to] = window ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
        const right = raised.filter((row) => row >= from && row <= to);
        if (window !== undefined) assert.ok(right.length > 0, `seed ${seed}: not found`);
        const wrong = raised.length - right.length;
        assert.ok(
          wrong <= (values.length / 1000) * falsePerThousand,
          `seed ${seed}: ${wrong} false`,
        );
      }
    });
  }

  it('gives every score that it gave when it was measured', () => {
    const text = shapeNames
      .flatMap((shape) => {
        const { values, timesUs } = makeSeries(shape, 7);
        return scores(values, (i) => timesUs[i] as number).map((score) => score.toFixed(4));
      })
      .join(',');
    assert.equal(createHash('sha256').update(text).digest('hex').slice(0, 16), 'be552d22e7ff2182');
  });

  it('gives the same scores at any scale', () => {
    const values = noise(1200).map((value, i) => (i === 1000 ? value + 40 : value));
    const wanted = alarms(scores(values));
    assert.ok(wanted.includes(1000));
    for (const scale of [2 ** -30, 2 ** 50, -1]) {
      assert.deepEqual(alarms(scores(values.map((value) => value * scale))), wanted, `${scale}`);
    }
  });

  it('gives scores from 0 to 1 for whatever comes', () => {
    const random = seeded(3);
    const wild = [0, -0, 1e300, -1e300, 5e-324, Number.MAX_VALUE, 1e15, 1e-9, Number.NaN, Infinity];
    const values = Array.from({ length: 5000 }, () => wild[Math.floor(random() * 10)] as number);
    const of = scores(values, () => (random() - 0.5) * 1e16);
    assert.ok(of.every((score) => score >= 0 && score <= 1));
  });

  it('ignores NaN and infinities as if they had not come', () => {
    const values = noise(600);
    const holes = values.flatMap((value, i) =>
      i % 5 === 0 ? [Number.NaN, Infinity, -Infinity, value] : [value],
    );
    const kept = scores(holes).filter((_, i) => Number.isFinite(holes[i]));
    const scorer = new SeriesScorer();
    const times = holes.flatMap((value, i) => (Number.isFinite(value) ? [i * step] : []));
    assert.deepEqual(
      kept,
      values.map((value, i) => scorer.score(times[i] as number, value)),
    );
  });

  it('gaps, doubled and backward timestamps raise no alarm of their own', () => {
    const values = noise(3000);
    const usual = alarms(scores(values)).length;
    const random = seeded(9);
    const jumpy = [
      (i: number) => i * step + (i > 1500 ? 40 * 86_400e6 : 0),
      (i: number) => Math.floor(i / 3) * step,
      (i: number) => -i * step,
      (i: number) => i * step + (random() - 0.5) * 7200e6,
      () => Number.NaN,
    ];
    for (const timeAt of jumpy) {
      assert.ok(alarms(scores(values, timeAt)).length <= usual + 3);
    }
  });

  it('a constant series never alarms; the first change does', () => {
    const of = scores([...Array(2000).fill(17), 18]);
    assert.deepEqual(alarms(of), [2000]);
  });

  it('adapts to a new level: told when it comes, not for ever', () => {
    const values = noise(3000).map((value, i) => (i < 1500 ? value : value + 200));
    const raised = alarms(scores(values));
    assert.ok(raised.includes(1500), 'the step is found');
    assert.ok(raised.filter((row) => row > 1600).length <= 5, `${raised}`);
  });

  it('recovers from one absurd value', () => {
    const values = noise(3000).map((value, i) => (i === 500 ? 2 ** 64 : value));
    values[2500] = 120;
    const raised = alarms(scores(values));
    assert.ok(raised.includes(500), 'the absurd value is found');
    assert.ok(raised.includes(2500), `and so is the spike after it: ${raised}`);
  });

  it('is silent while it warms up', () => {
    assert.deepEqual(alarms(scores([...noise(40), 1e6, ...noise(50)])), []);
  });

  it('knows nothing of what comes later', () => {
    const values = noise(900);
    assert.deepEqual(scores([...values, ...noise(300, 5)]).slice(0, 900), scores(values));
  });

  it('goes on from saved state exactly as if nothing had happened', () => {
    const values = noise(2500);
    for (const options of [{}, lightSeries]) {
      const whole = new SeriesScorer(options);
      const want = values.map((value, i) => whole.score(i * step, value));
      const first = new SeriesScorer(options);
      for (let i = 0; i < 1300; i++) first.score(i * step, values[i] as number);
      const second = new SeriesScorer(options);
      assert.equal(second.load(first.save()), true);
      const got = values.slice(1300).map((value, i) => second.score((1300 + i) * step, value));
      assert.deepEqual(got, want.slice(1300));
    }
  });

  it('refuses a state that was saved with other options', () => {
    const scorer = new SeriesScorer();
    assert.equal(scorer.load(new SeriesScorer(lightSeries).save()), false);
    assert.equal(scorer.load(new Uint8Array(3)), false);
  });

  it('the light form takes 5 KB and finds a gross difference after 40 values', () => {
    const scorer = new SeriesScorer(lightSeries);
    assert.ok(scorer.bytes <= 5 * 1024, `${scorer.bytes} bytes`);
    const of = [...noise(40), 200].map((value, i) => scorer.score(i * step, value));
    assert.deepEqual(alarms(of), [40]);
    assert.equal(scorer.recent().length, 41);
  });

  it('takes less than 100 µs a value and 64 KB', () => {
    const scorer = new SeriesScorer();
    assert.ok(scorer.bytes <= 65_536, `${scorer.bytes} bytes`);
    const values = noise(6000);
    for (let i = 0; i < 2000; i++) scorer.score(i * step, values[i] as number);
    const before = process.cpuUsage().user;
    for (let i = 2000; i < 6000; i++) scorer.score(i * step, values[i] as number);
    const each = (process.cpuUsage().user - before) / 4000;
    assert.ok(each < 100, `${each} µs`);
  });
});
