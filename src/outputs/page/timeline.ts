import type { ServiceHistory, ServiceState } from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { stateWord } from './cells.ts';
import { spansOf } from './history.ts';
import { type Html, html, readable, rough } from './html.ts';

const width = 640;
const height = 92;
const left = 4;
const right = width - 4;
const base = 64;

/** How high a state's bar is, so that it can be told apart without its colour. */
const heights: Readonly<Record<ServiceState, number>> = {
  up: 40,
  starting: 28,
  stopping: 28,
  waiting: 18,
  failed: 10,
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
  const x = (us: RealtimeUs): number =>
    round(left + ((us - first.fromUs) / lengthUs) * (right - left));
  const bars = spans.map(({ fromUs, toUs, state }) => {
    const tall = heights[state];
    // A run of a moment is still to be seen.
    const wide = round(Math.max(1, x(toUs) - x(fromUs)));
    return html`<rect class="bar-${state}" x="${x(fromUs)}" y="${base - tall}" width="${wide}" height="${tall}"><title>${stateWord(state)} for ${rough(toUs - fromUs)} from ${readable(fromUs)}</title></rect>
`;
  });
  const restarts = entries.filter(({ type }) => type === 'restarted' || type === 'restarting');
  const marks = restarts.map(
    ({ timeUs, words }) =>
      html`<path class="mark" d="M${x(timeUs)} 14l-4 -8h8z"><title>${words}, ${readable(timeUs)}</title></path>
`,
  );
  const states = [...new Set(spans.map(({ state }) => state))];
  const sum = `${spans.length} states (${states.map(stateWord).join(', ')}) and ${restarts.length} restarts in ${rough(lengthUs)}. The table below has each of them.`;
  return html`<figure>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="timeline-title timeline-text">
<title id="timeline-title">States of ${name} over time</title>
<desc id="timeline-text">${sum}</desc>
<line class="axis" x1="${left}" x2="${right}" y1="${base}" y2="${base}"/>
${bars}${marks}<text class="tick" x="${left}" y="${base + 20}">${readable(first.fromUs)}</text>
<text class="tick end" x="${right}" y="${base + 20}">now</text>
</svg>
<figcaption>${legend(states)}${restarts.length > 0 && html`<span class="key">▼ restart</span>`}</figcaption>
</figure>
`;
}

function legend(states: readonly ServiceState[]): readonly Html[] {
  return states.map((state) => {
    const tall = Math.ceil(heights[state] / 3);
    return html`<span class="key"><svg viewBox="0 0 10 14" width="10" height="14" aria-hidden="true"><rect class="bar-${state}" x="0" y="${14 - tall}" width="10" height="${tall}"/></svg> ${stateWord(state)}</span> `;
  });
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
