/**
 * The series scorer on the series of the Numenta Anomaly Benchmark that lie in a folder, scored by the
 * scorer that lies there: `node dist/bench/nab.js FOLDER [--sensitivity]`.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type SeriesOptions,
  seriesDefaults,
  seriesThreshold,
} from '../src/patterns/series/options.ts';
import { replayHeader, SeriesReplay } from '../src/patterns/series-replay.ts';

const profiles = ['standard', 'reward_low_FP_rate', 'reward_low_FN_rate'] as const;

interface Scored {
  readonly scores: readonly number[];
  readonly threshold: number;
}

interface Corpus {
  readonly nab: string;
  /** `category/file.csv` of every series. */
  readonly files: readonly string[];
  /** Where results and lists of windows are written; removed at the end. */
  readonly scratch: string;
}

/** Writes every series with its scores. @returns CPU time a value, µs */
function writeResults({ nab, files }: Corpus, results: string, options: Partial<SeriesOptions>) {
  let rows = 0;
  let spentUs = 0;
  for (const file of files) {
    const [header = '', ...lines] = readFileSync(join(nab, 'data', file), 'utf8').split(/\r?\n/);
    const replay = SeriesReplay.fromHeader(header, options);
    if (replay === undefined) throw new Error(`${file} has no columns timestamp and value`);
    const out = [replayHeader];
    const before = process.cpuUsage();
    for (const line of lines) {
      if (line === '') continue;
      const row = replay.row(line);
      if (row.kind === 'bad') throw new Error(`${file}: ${row.reason}`);
      out.push(row.text);
    }
    const { user, system } = process.cpuUsage(before);
    spentUs += user + system;
    rows += out.length - 1;
    mkdirSync(dirname(join(results, file)), { recursive: true });
    writeFileSync(join(results, file), `${out.join('\n')}\n`);
  }
  return spentUs / rows;
}

/** Runs the scorer over some of the files. */
function score(
  corpus: Corpus,
  results: string,
  files: readonly string[],
  threshold?: number,
): Scored {
  const { nab, scratch } = corpus;
  const labels: unknown = JSON.parse(
    readFileSync(join(nab, 'labels', 'combined_windows.json'), 'utf8'),
  );
  const some = Object.entries(labels as object).filter(([file]) => files.includes(file));
  const windows = join(scratch, 'windows.json');
  writeFileSync(windows, JSON.stringify(Object.fromEntries(some)));
  const fixed = threshold === undefined ? [] : ['--threshold', String(threshold)];
  const run = spawnSync(
    process.execPath,
    [join(nab, 'score.mjs'), results, '--nab', nab, '--windows', windows, '--json', ...fixed],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (run.status !== 0) throw new Error(`score.mjs failed: ${run.stderr}`);
  const parsed = JSON.parse(run.stdout) as Record<string, { score: number; threshold: number }>;
  const of = profiles.map((profile) => parsed[profile]?.score ?? Number.NaN);
  return { scores: of, threshold: parsed['standard']?.threshold ?? Number.NaN };
}

const shown = ({ scores }: Scored) => scores.map((value) => value.toFixed(1).padStart(6)).join(' ');
const categoryOf = (file: string) => file.slice(0, file.indexOf('/'));

/** The columns are standard, low FP, low FN. */
function printScores(corpus: Corpus, print: (line: string) => void): void {
  const { results, costUs, best, fixed } = measure(corpus);
  print('                                  standard  low FP  low FN');
  print(`threshold ${seriesThreshold} (the agent's)          ${shown(fixed)}`);
  print(`threshold ${best.threshold.toFixed(3)} (best for standard) ${shown(best)}`);
  print(`${costUs.toFixed(1)} µs of CPU a value, reading and writing included`);
  for (const threshold of [0.4, 0.44, 0.48, 0.52, 0.56, 0.6]) {
    print(
      `  threshold ${threshold.toFixed(2)}   ${shown(score(corpus, results, corpus.files, threshold))}`,
    );
  }
  print(
    "by category, at the agent's threshold; then with the threshold chosen on all other categories",
  );
  for (const category of new Set(corpus.files.map(categoryOf))) {
    const inside = corpus.files.filter((file) => categoryOf(file) === category);
    const outside = corpus.files.filter((file) => categoryOf(file) !== category);
    const chosen = score(corpus, results, outside).threshold;
    const own = score(corpus, results, inside, seriesThreshold);
    const held = score(corpus, results, inside, chosen);
    if (own.scores.some(Number.isFinite)) {
      print(`  ${category.padEnd(22)} ${shown(own)}   ${chosen.toFixed(3)} ${shown(held)}`);
    }
  }
  print('alternate files: threshold chosen on one half, score on the other');
  for (const odd of [0, 1]) {
    const chosen = score(
      corpus,
      results,
      corpus.files.filter((_, i) => i % 2 === odd),
    ).threshold;
    const held = corpus.files.filter((_, i) => i % 2 !== odd);
    const own = score(corpus, results, held, seriesThreshold);
    print(
      `  ${chosen.toFixed(3)} ${shown(score(corpus, results, held, chosen))}   at ${seriesThreshold} ${shown(own)}`,
    );
  }
}

const changes: readonly Partial<SeriesOptions>[] = [
  { memory: 1000 },
  { memory: 1250 },
  { memory: 2000 },
  { memory: 3000 },
  { runs: [6, 18] },
  { runs: [10, 30] },
  { runs: [8, 32] },
  { runs: [4, 16] },
  { symbols: 3 },
  { symbols: 5 },
  { order: 3 },
  { order: 4 },
  { recordSpan: 50 },
  { recordSpan: 150 },
  { recordSpan: 200 },
  { floor: 0.05 },
  { floor: 0.1 },
  { floor: 0.4 },
  { valueWeight: 1 },
  { valueWeight: 1.5 },
  { valueWeight: 2.5 },
  { timeOfDay: false },
];

function measure(corpus: Corpus) {
  const results = join(corpus.scratch, 'default');
  const costUs = writeResults(corpus, results, {});
  const best = score(corpus, results, corpus.files);
  const fixed = score(corpus, results, corpus.files, seriesThreshold);
  return { results, costUs, best, fixed };
}

/** One setting changed at a time: at the agent's threshold, and at the best threshold. */
function printSensitivity(corpus: Corpus, print: (line: string) => void): void {
  print(`defaults ${JSON.stringify(seriesDefaults)}; one changed at a time`);
  print(
    '                              at 0.5: standard low FP low FN | best: standard low FP low FN',
  );
  for (const change of [{}, ...changes]) {
    const results = join(corpus.scratch, 'changed');
    writeResults(corpus, results, change);
    const fixed = score(corpus, results, corpus.files, seriesThreshold);
    const best = score(corpus, results, corpus.files);
    print(
      `  ${JSON.stringify(change).padEnd(26)} ${shown(fixed)}   | ${shown(best)} at ${best.threshold.toFixed(3)}`,
    );
  }
}

/** Calls `work` with the corpus and a scratch folder; undefined where there is no corpus. */
function withCorpus<T>(nab: string, work: (corpus: Corpus) => T): T | undefined {
  if (!existsSync(join(nab, 'score.mjs'))) return undefined;
  const files = readdirSync(join(nab, 'data')).flatMap((category) =>
    readdirSync(join(nab, 'data', category)).map((file) => `${category}/${basename(file)}`),
  );
  const scratch = mkdtempSync(join(tmpdir(), 'unitwatch-nab-'));
  try {
    return work({ nab, files, scratch });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Standard, low-FP and low-FN score at the agent's threshold; undefined where there is no corpus. */
export function nabScores(nab: string): readonly number[] | undefined {
  return withCorpus(nab, (corpus) => measure(corpus).fixed.scores);
}

/** @param nab folder with `data`, `labels` and `score.mjs`; where it is absent, one line says so */
export function nabBench(nab: string, sensitivity: boolean, print: (line: string) => void): void {
  const isThere = withCorpus(nab, (corpus) => {
    printScores(corpus, print);
    if (sensitivity) printSensitivity(corpus, print);
    return true;
  });
  if (isThere !== true) print(`The benchmark's series are not in ${nab}: nothing measured.`);
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] !== undefined && resolve(process.argv[1]) === self) {
  const folder = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? 'nab';
  nabBench(resolve(folder), process.argv.includes('--sensitivity'), (line) => {
    process.stdout.write(`${line}\n`);
  });
}
