import type { HistoryState, ServiceHistory } from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { stateWord } from './cells.ts';
import { spansOf } from './history.ts';
import { exactTime, type Html, html, plural, readable, rough } from './html.ts';

/** The style stretches it to the width there is; words stand outside, so that they keep their size. */
const width = 1_000;
const height = 60;

/** How high a state's bar is, so that it can be told apart without its colour. */
const heights: Readonly<Record<HistoryState, number>> = {
  up: 44,
  running: 44,
  degraded: 30,
  too_many: 30,
  starting: 30,
  stopping: 30,
  waiting: 20,
  failed: 10,
  unreachable: 10,
  missing: 10,
  down: 4,
};

/** States and restarts over time; false where nothing has changed yet. */
export function timeline(
  name: string,
  { entries }: ServiceHistory,
  nowUs: RealtimeUs,
): Html | false {
  const spans = spansOf(entries, nowUs);
  const [first] = spans;
  if (first === undefined) return false;
  const lengthUs = Math.max(1, nowUs - first.fromUs);
  const x = (us: RealtimeUs): number => round(((us - first.fromUs) / lengthUs) * width);
  const bars = spans.map(({ fromUs, toUs, state }) => {
    const tall = heights[state];
    // A run of a moment is still to be seen.
    const wide = round(Math.max(1.5, x(toUs) - x(fromUs)));
    return html`<rect class="bar-${state}" x="${x(fromUs)}" y="${height - tall}" width="${wide}" height="${tall}"><title>${stateWord(state)} for ${rough(toUs - fromUs)} from ${readable(fromUs)}</title></rect>
`;
  });
  const restarts = entries.filter(({ type }) => type === 'restarted');
  const marks = restarts.map(
    ({ timeUs, words }) =>
      html`<path class="mark" d="M${x(timeUs)} 0v10"><title>${words}, ${readable(timeUs)}</title></path>
`,
  );
  const states = [...new Set(spans.map(({ state }) => state))];
  const sum = `In ${rough(lengthUs)}: ${plural(spans.length, 'state')} (${states.map(stateWord).join(', ')}) and ${plural(restarts.length, 'restart')}. The table below has each of them.`;
  return html`<figure>
<svg class="timeline" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-labelledby="timeline-title timeline-text">
<title id="timeline-title">States of ${name} over time</title>
<desc id="timeline-text">${sum}</desc>
${bars}${marks}</svg>
<p class="ends"><span>${exactTime(first.fromUs)}</span> <span>now</span></p>
<figcaption>${states.map(stateKey)}${restarts.length > 0 && html`<span class="key"><svg viewBox="0 0 10 14" width="10" height="14" aria-hidden="true"><path class="mark" d="M5 2v10"/></svg> restart</span>`}</figcaption>
</figure>
`;
}

function stateKey(state: HistoryState): Html {
  const tall = Math.ceil(heights[state] / 4);
  return html`<span class="key"><svg viewBox="0 0 10 14" width="10" height="14" aria-hidden="true"><rect class="bar-${state}" x="0" y="${13 - tall}" width="10" height="${tall}"/></svg> ${stateWord(state)}</span> `;
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
