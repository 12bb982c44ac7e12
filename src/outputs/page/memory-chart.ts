import type { LeakSlope, ServiceHistory } from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { plainTable } from './cells.ts';
import { exactTime, type Html, html, rough, size } from './html.ts';
import { round } from './timeline.ts';

/** The style stretches it to the width there is; words stand outside, so that they keep their size. */
const width = 1_000;
const height = 200;

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
  const x = (us: RealtimeUs): number => round(((us - first.timeUs) / lengthUs) * width);
  const y = (bytes: number): number =>
    round(height - (Math.min(Math.max(0, bytes), scale) / scale) * height);
  const line = memory.map(({ timeUs, bytes }) => `${x(timeUs)} ${y(bytes)}`).join('L');
  const growth = slope ? ` It grows by ${size(slope.bytesPerHour)} an hour.` : '';
  const sum = `From ${size(first.bytes)} to ${size(last.bytes)} in ${rough(lengthUs)}, at most ${size(most)}.${growth}`;
  return html`<figure>
<div class="scaled">
<p class="scale" aria-hidden="true"><span>${size(scale)}</span> <span>${size(scale / 2)}</span> <span>0 B</span></p>
<svg class="chart" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-labelledby="memory-title memory-text">
<title id="memory-title">Memory of ${name} over time</title>
<desc id="memory-text">${sum}</desc>
<path class="grid" d="M0 0.5h${width}M0 ${height / 2}h${width}M0 ${height - 0.5}h${width}"/>
<path class="area" d="M${line}L${x(last.timeUs)} ${height}L0 ${height}z"/>
<path class="curve" d="M${line}"/>
${isLimitNear && html`<path class="limit" d="M0 ${y(limitBytes)}h${width}"><title>limit ${size(limitBytes)}</title></path>`}
${slope && slopeLine(slope, first.timeUs, last, x, y)}
</svg>
</div>
<p class="ends"><span>${exactTime(first.timeUs)}</span> <span>${exactTime(last.timeUs)}</span></p>
<figcaption><span class="key">${sum}</span>${slope && html` <span class="key"><svg viewBox="0 0 24 6" width="24" height="6" aria-hidden="true"><path class="slope" d="M0 3h24"/></svg> the leak's slope</span>`}${limitBytes !== undefined && html` <span class="key">${isLimitNear && html`<svg viewBox="0 0 24 6" width="24" height="6" aria-hidden="true"><path class="limit" d="M0 3h24"/></svg> `}limit ${size(limitBytes)}</span>`}</figcaption>
</figure>
<details><summary>Memory as a table</summary>
${plainTable(
  `Memory of ${name}`,
  ['Time', 'Memory'],
  memory.map(({ timeUs, bytes }) => [exactTime(timeUs), html`${size(bytes)}`]),
)}</details>
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
  return html`<path class="slope" d="M${x(fromUs)} ${y(fromBytes)}L${x(last.timeUs)} ${y(last.bytes)}"><title>${size(bytesPerHour)} an hour</title></path>`;
}

/** 1, 2 or 5 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}
