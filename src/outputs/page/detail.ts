import type { HistoryEntry, ServiceDetail } from '../../model/status.ts';
import {
  actionButtons,
  checkColumns,
  checkRow,
  findingItem,
  historyBadge,
  plainTable,
  restartsCell,
  table,
  upFor,
} from './cells.ts';
import { dependencyPicture } from './graph-picture.ts';
import { ago, exactTime, type Html, html, size } from './html.ts';
import { memoryChart } from './memory-chart.ts';
import { timeline } from './timeline.ts';

/** Everything about one unit or check. */
export function detailPage(detail: ServiceDetail): Html {
  const { name, timeUs, service, checks, findings, history, dependencies } = detail;
  const rows = checks.map((check) => checkRow(check, timeUs));
  const line = timeline(name, history, timeUs);
  return html`<h1 class="name">${name}</h1>
${service && facts(detail)}
${actionButtons(
  [
    ['restart', 'Restart'],
    ['start', 'Start'],
    ['stop', 'Stop'],
  ],
  name,
)}
${
  findings.length > 0 &&
  html`<h2>Open findings</h2>
<ul class="findings">
${findings.map((finding) => findingItem(finding, timeUs))}</ul>`
}
${
  checks.length > 0 &&
  html`<h2>Checks</h2>
${table(`Checks of ${name}`, rows, checkColumns)}`
}
<h2>Timeline</h2>
${line || html`<p>It has not changed since unitwatch began to watch it.</p>`}
${entriesTable(detail)}
${memoryPart(detail)}
${
  dependencies &&
  html`<h2>Dependencies</h2>
${dependencyPicture(name, dependencies)}`
}`;
}

function facts({ service, timeUs }: ServiceDetail): Html | false {
  if (service === undefined) return false;
  const { state, activeState, subState, result, changedUs, pid, slice, memoryBytes } = service;
  return html`<dl class="facts">
<div><dt>State</dt><dd>${historyBadge(state)} <span class="quiet">${activeState}, ${subState}${result !== 'success' && html`, ${result}`}</span></dd></div>
<div><dt>Up for</dt><dd>${upFor(service, timeUs)}</dd></div>
<div><dt>Restarts</dt><dd>${restartsCell(service)}</dd></div>
<div><dt>Last change</dt><dd>${ago(changedUs, timeUs)}</dd></div>
${memoryBytes !== undefined && html`<div><dt>Memory</dt><dd>${size(memoryBytes)}</dd></div>`}
${pid > 0 && html`<div><dt>Main process</dt><dd>${pid}</dd></div>`}
${slice !== '' && html`<div><dt>Slice</dt><dd>${slice}</dd></div>`}
</dl>`;
}

function memoryPart({ name, history }: ServiceDetail): Html | false {
  const chart = memoryChart(name, history);
  return (
    chart &&
    html`<h2>Memory</h2>
${chart}`
  );
}

function entriesTable({ history: { entries, forgotten }, name }: ServiceDetail): Html | false {
  if (entries.length === 0) return false;
  const rows = entries.toReversed().map(entryCells);
  const heads = ['Time', 'Event', 'State after it', 'What'];
  return html`<details open><summary>Events, newest first</summary>
${plainTable(`What happened to ${name}`, heads, rows)}
${forgotten > 0 && html`<p class="quiet">${forgotten} older ones are not kept.</p>`}</details>
`;
}

function entryCells({ timeUs, type, words, state }: HistoryEntry): readonly Html[] {
  return [
    exactTime(timeUs),
    html`${type.replaceAll('_', ' ')}`,
    state ? historyBadge(state) : html`–`,
    html`${words}`,
  ];
}

/** What is said where nothing has that name. */
export function unknownPage(name: string): Html {
  return html`<h1>Not known</h1>
<p>No unit and no component is called <strong class="name">${name}</strong>.</p>`;
}
