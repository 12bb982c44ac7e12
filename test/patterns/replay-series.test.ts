import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { replaySeries } from '../../cmd/replay-series.ts';
import { SeriesReplay } from '../../src/patterns/series-replay.ts';
import { parseTimestamp } from '../../src/patterns/timestamp.ts';

const folder = mkdtempSync(join(tmpdir(), 'unitwatch-replay-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function replay(path: string) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const out: string[] = [];
  const err: string[] = [];
  stdout.on('data', (chunk) => out.push(String(chunk)));
  stderr.on('data', (chunk) => err.push(String(chunk)));
  const status = await replaySeries(path, { stdout, stderr });
  return { status, out: out.join('').split('\n'), err: err.join('') };
}

const timestamps: readonly (readonly [string, number | undefined])[] = [
  ['2014-04-01 00:05:00', 1_396_310_700e6],
  ['2014-04-01T00:05:00Z', 1_396_310_700e6],
  ['2014-04-01T02:05:00+02:00', 1_396_310_700e6],
  ['2014-03-31T19:35:00-04:30', 1_396_310_700e6],
  ['2014-04-01T00:05:00.250000Z', 1_396_310_700.25e6],
  ['1396310700', 1_396_310_700e6],
  ['1396310700.5', 1_396_310_700.5e6],
  ['2014-02-30 00:00:00', undefined],
  ['2014-13-01 00:00:00', undefined],
  ['2014-04-01 24:00:00', undefined],
  ['2014-04-01', undefined],
  ['yesterday', undefined],
  ['', undefined],
];

describe('replay --series', () => {
  for (const [text, want] of timestamps) {
    it(`reads the timestamp ${JSON.stringify(text)}`, () => {
      assert.equal(parseTimestamp(text), want);
    });
  }

  it('writes timestamp and value as given, and finds the spike', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => `${1e9 + i * 300},${i === 350 ? 90 : 20.0}`);
    const { status, out, err } = await replay(
      file('spike.csv', `timestamp,value\n${rows.join('\n')}\n`),
    );
    assert.equal(status, 0);
    assert.equal(err, '');
    assert.equal(out[0], 'timestamp,value,anomaly_score');
    assert.equal(out.length, 402);
    const scores = out.slice(1, 401).map((line) => Number(line.split(',')[2]));
    assert.ok((scores[350] as number) >= 0.5, `score ${scores[350]}`);
    assert.equal(scores.filter((score) => score >= 0.5).length, 1);
    assert.equal(out[1], '1000000000,20,0');
  });

  it('finds its columns by name, with a byte order mark, quotes and Windows line ends', async () => {
    const text = '\uFEFFhost,"value",timestamp\r\n"a,b","1.50",2014-04-01T00:00:00Z\r\n';
    const { status, out } = await replay(file('columns.csv', text));
    assert.equal(status, 0);
    assert.deepEqual(out, ['timestamp,value,anomaly_score', '2014-04-01T00:00:00Z,"1.50",0', '']);
  });

  it('names bad lines with their numbers and goes on', async () => {
    const text = 'timestamp,value\n1,2\nwhen,2\n3,many\n4\n\n5,NaN\n6,0x10\n7,7\n';
    const { status, out, err } = await replay(file('bad.csv', text));
    assert.equal(status, 0);
    assert.deepEqual(out.slice(1), ['1,2,0', '5,NaN,0', '7,7,0', '']);
    const lines = err
      .trim()
      .split('\n')
      .map((line) => line.replace(/.*bad\.csv:/, ''));
    assert.deepEqual(lines, [
      '3: timestamp "when" is none that is known, line left out',
      '4: value "many" is no number, line left out',
      '5: too few columns, line left out',
      '8: value "0x10" is no number, line left out',
    ]);
  });

  it('counts bad lines beyond the first twenty', async () => {
    const { err } = await replay(file('many.csv', `timestamp,value\n1,1\n${'x,y\n'.repeat(50)}`));
    assert.equal(err.split('\n').filter((line) => line.includes('left out')).length, 20);
    assert.match(err, /50 bad lines in all, the first 20 named above/);
  });

  it('leaves out a line that is too long, and reads the next', async () => {
    const text = `timestamp,value\n1,${'1'.repeat(200_000)}\n2,2\n`;
    const { status, out, err } = await replay(file('long.csv', text));
    assert.equal(status, 0);
    assert.deepEqual(out.slice(1), ['2,2,0', '']);
    assert.match(err, /long\.csv:2: longer than a row can be/);
  });

  for (const [name, content, want] of [
    ['empty.csv', '', 2],
    ['headless.csv', '1,2\n3,4\n', 2],
    ['rowless.csv', 'timestamp,value\n', 1],
  ] as const) {
    it(`says that nothing could be read of ${name}: exit status ${want}`, async () => {
      const { status, err } = await replay(file(name, content));
      assert.equal(status, want);
      assert.match(err, /has no row that could be read/);
    });
  }

  it('says what is wrong with a file that is not there: exit status 2', async () => {
    const { status, err } = await replay(join(folder, 'absent.csv'));
    assert.equal(status, 2);
    assert.match(err, /cannot replay .*absent\.csv: ENOENT/);
  });

  it('asks for a file when none is named: exit status 2', async () => {
    assert.equal((await replay('')).status, 2);
  });

  it('ends quietly when its reader has gone', async () => {
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
      },
    });
    const text = `timestamp,value\n${'1,1\n'.repeat(60_000)}`;
    const io = { stdout: gone, stderr: new PassThrough() };
    assert.equal(await replaySeries(file('gone.csv', text), io), 0);
  });

  it('gives the same scores for the same file', () => {
    const scores = () => {
      const replay = SeriesReplay.fromHeader('timestamp,value');
      return Array.from({ length: 300 }, (_, i) => replay?.row(`${i},${(i * 7919) % 101}`));
    };
    assert.deepEqual(scores(), scores());
  });
});
