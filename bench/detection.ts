import { readFileSync, writeFileSync } from 'node:fs';
import { patterns, playAll, type Row, type Score, score, strengths } from './detection-score.ts';

/**
 * Traces of these seeds were looked at while constants were chosen; the figures that are reported
 * come from another seed, which was not.
 */
export const tuningSeeds: readonly number[] = [1, 5, 77, 20_260_321];
export const reportSeed = 20_261_121;

const page = 'docs/detection.md';

/** Scores of all detectors at all strengths. */
export function allScores(rows: readonly Row[]): Score[] {
  return patterns.flatMap((pattern) => strengths.map((strength) => score(rows, pattern, strength)));
}

export function scoreTable(scores: readonly Score[]): string {
  const lines = scores.map((s) => {
    const cells = [s.pattern, s.strength, percent(s.precision), percent(s.recall)];
    const counts = [s.truePositives, s.falsePositives, s.falseNegatives, delay(s.medianDelayS)];
    return `| ${[...cells, ...counts].join(' | ')} |`;
  });
  return [
    '| detector | strength | precision | recall | found | false | missed | median delay |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** One line a shape and strength: how many traces got a finding of each detector. */
export function confusionTable(rows: readonly Row[]): string {
  const lines = rows.map(({ shape, strength, traces, found }) => {
    const said = patterns.map((pattern) => {
      const tolerated = shape.tolerated?.includes(pattern) === true && found[pattern] > 0;
      return `${found[pattern]}${tolerated ? ' (also true)' : ''}`;
    });
    const is = shape.expected ?? 'healthy';
    const how = shape.expected === undefined ? '' : strength;
    return `| ${[is, shape.name, how, traces, ...said].join(' | ')} |`;
  });
  return [
    `| it is | shape | strength | traces | ${patterns.join(' | ')} |`,
    `|---|---|---|---|${patterns.map(() => '---|').join('')}`,
    ...lines,
  ].join('\n');
}

function percent(share: number): string {
  return share.toFixed(4);
}

function delay(seconds: number): string {
  if (Number.isNaN(seconds)) return '';
  if (Math.abs(seconds) < 1) return '0 s';
  return seconds < 7200 ? `${Math.round(seconds)} s` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Prints the tables, and with UPDATE=1 in the environment writes them into the page. */
function main(): void {
  const count = Number(process.argv[2] ?? 100);
  const rows = playAll(count, reportSeed);
  const total = rows.reduce((sum, row) => sum + row.traces, 0);
  const tables = [
    `Seed ${reportSeed} (constants were chosen on seeds ${tuningSeeds.join(', ')}), ${total} traces.`,
    scoreTable(allScores(rows)),
    confusionTable(rows),
  ].join('\n\n');
  process.stdout.write(`${tables}\n`);
  if (process.env['UPDATE'] !== '1') return;
  const text = readFileSync(page, 'utf8');
  const [head = ''] = text.split('<!-- measured -->');
  writeFileSync(page, `${head}<!-- measured -->\n\n${tables}\n`);
}

if (process.argv[1] === import.meta.filename) main();
