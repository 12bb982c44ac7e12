import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { prepareForBeds } from './bed.ts';
import { type Host, hostNow, leftBehind } from './leftovers.ts';

/** dist/test, where this file is. */
const folder = fileURLToPath(new URL('./', import.meta.url));
/** Tests in these boot a systemd. */
const bedFolders = ['agent', 'demo'];
/** Files at once: most of what they do is to wait. */
const atOnce = 2;
/** They take all that the machine has, or look at the whole of it, where others would be seen. */
const alone: readonly string[] = [
  'agent/demo.test.js',
  'agent/leaks.test.js',
  'agent/storm.test.js',
];
/** The storms take six minutes, and twice that on a busy machine. */
const fileMs = 1_200_000;
/** How long what ends by itself may take to do so. */
const goneMs = 5_000;

/** Of each kind of outcome, how many: the names of node's own summary. */
const counted = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo'] as const;
type Counts = Record<(typeof counted)[number] | 'duration_ms', number>;

function isBedTest(file: string): boolean {
  const [top = ''] = relative(folder, file).split('/');
  return bedFolders.includes(top) || /from '[./]*\/bed\.js'/.test(readFileSync(file, 'utf8'));
}

function isAlone(file: string): boolean {
  return alone.includes(relative(folder, file));
}

/** Runs the files and hands on what node:test tells, but for its sums, which are added up. */
async function* runFiles(files: readonly string[], concurrency: number, counts: Counts) {
  const sums = new RegExp(`^(${[...counted, 'duration_ms'].join('|')}) ([\\d.]+)$`);
  if (files.length === 0) return;
  for await (const event of run({ files: [...files], concurrency, timeout: fileMs })) {
    const [, name, value] =
      event.type === 'test:diagnostic' && event.data.nesting === 0
        ? (sums.exec(event.data.message) ?? [])
        : [];
    if (name === undefined) yield event;
    else counts[name as keyof Counts] += Number(value);
  }
}

async function main(): Promise<number> {
  const wanted = process.argv.slice(2);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .map((name) => join(folder, name))
    .sort();
  const beds = files.filter(isBedTest);
  const others = files.filter((file) => !beds.includes(file));
  const complaints: string[] = [];
  if (process.getuid?.() === 0) await prepareForBeds();
  else if (beds.length > 0) complaints.push(needsRoot(beds));
  const runnable = process.getuid?.() === 0 ? beds : [];
  const counts: Counts = {
    ...{ tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 },
    duration_ms: 0,
  };
  const scratch = mkdtempSync(join(tmpdir(), 'unitwatch-run-'));
  // As /tmp itself: a database server of a test runs as a user of its own, and writes in here.
  chmodSync(scratch, 0o1777);
  process.env['TMPDIR'] = scratch;
  const earlier = hostNow();
  async function* all() {
    yield* runFiles(others, atOnce, counts);
    yield* runFiles(
      runnable.filter((file) => !isAlone(file)),
      atOnce,
      counts,
    );
    yield* runFiles(runnable.filter(isAlone), 1, counts);
  }
  const report = Readable.from(all()).pipe(new spec());
  for await (const text of report) process.stdout.write(text);
  complaints.push(...(await whatStays(earlier, scratch)));
  rmSync(scratch, { recursive: true, force: true });
  if (process.env['CI'] === 'true' && counts.skipped + counts.todo > 0)
    complaints.push(
      `${counts.skipped + counts.todo} tests were skipped, and with CI=true none may.`,
    );
  for (const complaint of complaints) process.stdout.write(`\n✖ ${complaint}\n`);
  process.stdout.write('\n');
  for (const name of [...counted, 'duration_ms'] as const)
    process.stdout.write(`# ${name} ${counts[name]}\n`);
  return counts.fail + counts.cancelled + complaints.length > 0 || counts.pass === 0 ? 1 : 0;
}

function needsRoot(beds: readonly string[]): string {
  const names = beds.map((file) => relative(folder, file)).join(', ');
  return `Not run, since booting a systemd needs root: ${names}. Run npm test as root (sudo).`;
}

/** What the tests have left on this machine, after a moment for it to go. */
async function whatStays(earlier: Host, scratch: string): Promise<string[]> {
  const deadline = performance.now() + goneMs;
  for (;;) {
    const files = readdirSync(scratch).map((name) => `file ${join(scratch, name)}`);
    const left = [...leftBehind(earlier, hostNow()), ...files];
    if (left.length === 0) return [];
    if (performance.now() > deadline) return left.map((what) => `The tests left behind: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

process.exit(await main());
