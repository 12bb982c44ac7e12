import type { OutageTimes } from '../../src/checks/outages.ts';
import type { Run, Scenario } from './subscriptions-simulation.ts';
import { insideAt } from './wall-judge.ts';

const secondUs = 1e6;

/** A time in which nothing about a service was changed, the process ran and no look was blind. */
interface Quiet {
  readonly fromUs: number;
  readonly toUs: number;
  /** What each caller wants. */
  readonly wants: ReadonlyMap<string, { readonly pollingUs: number; readonly graceUs: number }>;
}

/**
 * Judges a service by the world alone: when it was down, who wanted what, and what was heard. It knows
 * nothing of looks that see or of states that are believed, so that a core which does not look, looks
 * too late or forgets is found out too.
 *
 * @returns what is wrong, each in a sentence
 */
export function worldFaults(
  scenario: Scenario,
  flips: readonly number[],
  run: Run,
  fromUs: number,
): string[] {
  const endUs = fromUs + scenario.endMs * 1e3;
  const slowUs = Math.max(0, ...scenario.latencies) * 1e3;
  const quiets = quietTimes(run, fromUs, endUs);
  return [
    ...tooOften(run),
    ...tooSeldom(run, quiets, slowUs),
    ...wronglyTold(run),
    ...(scenario.blindEvery === 0 ? untold(run, quiets, downTimes(flips, fromUs), slowUs) : []),
  ];
}

function tooOften({ lookUs }: Run): string[] {
  return lookUs.flatMap((look, i) => {
    const gap = look - (lookUs[i - 1] ?? Number.NEGATIVE_INFINITY);
    return gap < secondUs ? [`looks are ${gap} µs apart`] : [];
  });
}

/** Whoever wants it looked at has that, in outages too; the first look may take 11 s. */
function tooSeldom({ lookUs }: Run, quiets: readonly Quiet[], slowUs: number): string[] {
  return quiets.flatMap(({ fromUs, toUs, wants }) => {
    if (wants.size === 0) return [];
    const polling = Math.min(...[...wants.values()].map(({ pollingUs }) => pollingUs));
    const mostUs = Math.max(polling, secondUs) + slowUs + secondUs;
    const faults: string[] = [];
    let before = fromUs + 11 * secondUs - Math.min(mostUs, 11 * secondUs);
    for (const look of [...lookUs.filter((one) => one >= fromUs && one <= toUs), toUs]) {
      if (look - before > mostUs + slowUs) faults.push(`nobody looked for ${look - before} µs`);
      before = Math.max(before, look);
    }
    return faults;
  });
}

/** Down first, then in turns; never in an outage. */
function wronglyTold({ told, entries }: Run): string[] {
  const faults: string[] = [];
  const lastOf = new Map<string, string>();
  for (const { caller, state, toldUs, sinceUs } of told) {
    const isAnew = entries.some(
      (entry) => entry.is === 'unsubscribe' && entry.caller === caller && entry.us <= toldUs,
    );
    const before = lastOf.get(caller) ?? 'up';
    if (before === state && !isAnew) faults.push(`${caller} hears twice that it is ${state}`);
    lastOf.set(caller, state);
    if (sinceUs > toldUs) faults.push(`${caller} hears of what is to come`);
    if (plansAt(entries, toldUs).every((plan) => plan.some((one) => insideAt(one, toldUs))))
      faults.push(`${caller} hears of it in an outage`);
  }
  return faults;
}

/**
 * The outages that may have been planned when something was told: those of the time before, and those
 * that were set in the same microsecond, before it or after it.
 */
function plansAt(entries: Run['entries'], toldUs: number): readonly (readonly OutageTimes[])[] {
  const set = entries.filter((entry) => entry.is === 'outages');
  const before = set.findLast((entry) => entry.us < toldUs)?.outages ?? [];
  return [before, ...set.filter((entry) => entry.us === toldUs).map(({ outages }) => outages)];
}

/** From when to when a service was down, and since when it had been up before. */
interface Down {
  readonly upBeforeUs: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * Each down that lasts long enough is heard of once: seen within the fastest interval, told when the
 * grace is over, or in the caller's next own interval.
 */
function untold(
  run: Run,
  quiets: readonly Quiet[],
  downs: readonly Down[],
  slowUs: number,
): string[] {
  return quiets.flatMap((quiet) =>
    [...quiet.wants.keys()].flatMap((caller) =>
      downs.flatMap((down) => untoldTo(caller, run, quiet, down, slowUs)),
    ),
  );
}

function untoldTo(
  caller: string,
  { told, entries }: Run,
  { fromUs, toUs, wants }: Quiet,
  down: Down,
  slowUs: number,
): string[] {
  const { pollingUs = 0, graceUs = 0 } = wants.get(caller) ?? {};
  const fastest = Math.min(...[...wants.values()].map((one) => one.pollingUs));
  const seenUs = Math.max(fastest, secondUs) + 2 * slowUs + 2 * secondUs;
  // Who has heard something lately waits for their next interval; nobody else does.
  const isLately = told.some(
    (one) =>
      one.caller === caller && one.toldUs < down.fromUs && one.toldUs + pollingUs > down.fromUs,
  );
  const sureUs = down.fromUs + seenUs + graceUs + 2 * slowUs + secondUs;
  const heardUs = sureUs + (isLately ? pollingUs + secondUs : 0);
  // It must have been seen up before, and be seen down for long enough.
  const isLong =
    down.fromUs - Math.max(fromUs + 11 * secondUs, down.upBeforeUs) >= seenUs &&
    Math.min(down.toUs, toUs) > heardUs;
  if (!isLong || isPlanned(entries, down.upBeforeUs, heardUs)) return [];
  const heard = told.filter(
    (one) =>
      one.caller === caller &&
      one.state === 'down' &&
      one.sinceUs >= down.fromUs &&
      one.sinceUs < down.toUs &&
      one.toldUs <= toUs,
  );
  const [first] = heard;
  if (heard.length !== 1 || !first) return [`${caller} hears ${heard.length} times of a down`];
  if (first.toldUs <= heardUs && first.toldUs >= down.fromUs + graceUs) return [];
  return [`${caller} hears of it after ${first.toldUs - down.fromUs} µs, grace ${graceUs}`];
}

function isPlanned(entries: Run['entries'], fromUs: number, toUs: number): boolean {
  const all = entries.flatMap((entry) => (entry.is === 'outages' ? entry.outages : []));
  if (all.length === 0) return false;
  for (let us = Math.floor(fromUs / secondUs) * secondUs; us <= toUs + secondUs; us += secondUs) {
    if (all.some((outage) => insideAt(outage, us))) return true;
  }
  return false;
}

function downTimes(flips: readonly number[], fromUs: number): readonly Down[] {
  const times = flips.map((flip) => fromUs + flip * 1e3);
  return times.flatMap((downUs, i) =>
    i % 2 === 1
      ? []
      : [{ upBeforeUs: times[i - 1] ?? fromUs, fromUs: downUs, toUs: times[i + 1] ?? Infinity }],
  );
}

function quietTimes({ entries }: Run, fromUs: number, endUs: number): readonly Quiet[] {
  const quiets: Quiet[] = [];
  const wants = new Map<string, { readonly pollingUs: number; readonly graceUs: number }>();
  let sinceUs = fromUs;
  let isAway = false;
  for (const entry of [...entries, { us: endUs, is: 'away' as const }]) {
    if (entry.is === 'result' || entry.is === 'outages') continue;
    if (!isAway && entry.us > sinceUs) {
      quiets.push({ fromUs: sinceUs, toUs: Math.min(entry.us, endUs), wants: new Map(wants) });
    }
    sinceUs = entry.us;
    isAway = entry.is === 'away';
    if (entry.is === 'subscribe') wants.set(entry.caller, entry);
    if (entry.is === 'unsubscribe') wants.delete(entry.caller);
  }
  return quiets;
}
