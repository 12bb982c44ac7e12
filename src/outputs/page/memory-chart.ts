import type { LeakSlope, ServiceHistory } from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { exactTime, type Html, html, readable, rough, size } from './html.ts';
import { round } from './timeline.ts';

const width = 640;
const height = 200;
const left = 60;
const right = width - 8;
const top = 10;
const bottom = height - 26;

/** Memory over time, the line that a leak follows, and the limit where it is near. */
export function memoryChart(name: string, history: ServiceHistory): Html | false {
  const { memory, slope, limitBytes } = history;
  const first = memory[0];
  const last = memory.at(-1);
  if (first === undefined || last === undefined) return false;
  const most = memory.reduce((max, { bytes }) => Math.max(max, bytes), 0);
  // A limit far above would press the curve flat.
  const isLimitNear = limitBytes !== undefined && limitBytes < most * 2;
  const scale = niceAbove(isLimitNear ? Math.max(limitBytes, most) : most);
  const lengthUs = Math.max(1, last.timeUs - first.timeUs);
  const x = (us: RealtimeUs): number =>
    round(left + ((us - first.timeUs) / lengthUs) * (right - left));
  const y = (bytes: number): number =>
    round(bottom - (Math.min(Math.max(0, bytes), scale) / scale) * (bottom - top));
  const line = memory.map(({ timeUs, bytes }) => `${x(timeUs)} ${y(bytes)}`).join('L');
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(scale * share);
    return html`<line class="grid" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/><text class="tick end" x="${left - 6}" y="${at + 4}">${size(scale * share)}</text>
`;
  });
  const growth = slope ? ` It grows by ${size(slope.bytesPerHour)} an hour.` : '';
  const sum = `From ${size(first.bytes)} to ${size(last.bytes)} in ${rough(lengthUs)}, at most ${size(most)}.${growth}`;
  return html`<figure>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="memory-title memory-text">
<title id="memory-title">Memory of ${name} over time</title>
<desc id="memory-text">${sum}</desc>
${grid}<path class="area" d="M${line}L${x(last.timeUs)} ${bottom}L${left} ${bottom}z"/>
<path class="curve" d="M${line}"/>
${isLimitNear && html`<line class="limit" x1="${left}" x2="${right}" y1="${y(limitBytes)}" y2="${y(limitBytes)}"><title>limit ${size(limitBytes)}</title></line>`}
${slope && slopeLine(slope, first.timeUs, last, x, y)}
<text class="tick" x="${left}" y="${height - 8}">${readable(first.timeUs)}</text>
<text class="tick end" x="${right}" y="${height - 8}">${readable(last.timeUs).slice(11)}</text>
</svg>
<figcaption><span class="key">${sum}</span>${limitBytes !== undefined && html` <span class="key">Limit: ${size(limitBytes)}.</span>`}</figcaption>
</figure>
<details><summary>Memory as a table</summary>
<table class="plain"><caption>Memory of ${name}</caption>
<thead><tr><th scope="col">Time</th><th scope="col">Memory</th></tr></thead>
<tbody>
${memory.map(
  ({ timeUs, bytes }) => html`<tr><td>${exactTime(timeUs)}</td><td>${size(bytes)}</td></tr>
`,
)}</tbody></table></details>
`;
}

/** Through the newest point, as far back as the growth has been seen. */
function slopeLine(
  { bytesPerHour, observedUs }: LeakSlope,
  firstUs: RealtimeUs,
  last: { readonly timeUs: RealtimeUs; readonly bytes: number },
  x: (us: RealtimeUs) => number,
  y: (bytes: number) => number,
): Html {
  const fromUs = Math.max(firstUs, last.timeUs - observedUs);
  const fromBytes = last.bytes - (bytesPerHour * (last.timeUs - fromUs)) / 3.6e9;
  return html`<line class="slope" x1="${x(fromUs)}" y1="${y(fromBytes)}" x2="${x(last.timeUs)}" y2="${y(last.bytes)}"><title>${size(bytesPerHour)} an hour</title></line>`;
}

/** 1, 2 or 5 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}
