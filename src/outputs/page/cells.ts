import type { CheckState, CheckView } from '../../model/check.ts';
import type { HistoryState, OpenFinding, ServiceState, ServiceStatus } from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { ago, exactTime, type Html, html, rough, serviceLink } from './html.ts';

/** How a state looks. Each has a sign and a word of its own: colour only helps. */
interface Look {
  readonly tone: 'good' | 'bad' | 'warn' | 'calm';
  readonly sign: string;
  readonly word: string;
}

const serviceLooks: Readonly<Record<ServiceState, Look>> = {
  up: { tone: 'good', sign: '●', word: 'up' },
  starting: { tone: 'warn', sign: '◐', word: 'starting' },
  stopping: { tone: 'warn', sign: '◑', word: 'stopping' },
  waiting: { tone: 'warn', sign: '↻', word: 'waits for restart' },
  down: { tone: 'calm', sign: '○', word: 'inactive' },
  failed: { tone: 'bad', sign: '✕', word: 'failed' },
  missing: { tone: 'bad', sign: '?', word: 'missing' },
};

const checkLooks: Readonly<Record<CheckState, Look>> = {
  running: { tone: 'good', sign: '●', word: 'running' },
  up: { tone: 'good', sign: '●', word: 'up' },
  missing: { tone: 'bad', sign: '✕', word: 'missing' },
  down: { tone: 'bad', sign: '✕', word: 'down' },
  too_many: { tone: 'bad', sign: '+', word: 'too many' },
  degraded: { tone: 'warn', sign: '◐', word: 'degraded' },
  unknown: { tone: 'warn', sign: '?', word: 'unknown' },
};

function badge({ tone, sign, word }: Look): Html {
  return html`<span class="state ${tone}"><span class="sign" aria-hidden="true">${sign}</span> ${word}</span>`;
}

const historyLooks: Readonly<Record<HistoryState, Look>> = {
  ...serviceLooks,
  running: checkLooks.running,
  degraded: checkLooks.degraded,
  too_many: checkLooks.too_many,
  unreachable: checkLooks.down,
};

export function historyBadge(state: HistoryState): Html {
  return badge(historyLooks[state]);
}

export function stateLook(state: CheckState): Look {
  return checkLooks[state];
}

export function stateWord(state: HistoryState): string {
  return historyLooks[state].word;
}

function checkBadge({ state, outage }: CheckView): Html {
  const { sign, word } = checkLooks[state];
  return badge(
    outage ? { tone: 'calm', sign, word: `${word}, planned outage` } : checkLooks[state],
  );
}

/** A row of a table whose columns are `columns`. On a phone each cell names its column itself. */
function row(state: Html, name: Html, cells: readonly (readonly [label: string, cell: Html])[]) {
  return html`<tr role="row"><td role="cell" class="is">${state}</td><th role="rowheader" scope="row">${name}</th>${cells.map(
    ([label, cell]) => html`<td role="cell" data-label="${label}">${cell}</td>`,
  )}</tr>
`;
}

const columns = ['State', 'Name', 'Up for', 'Restarts', 'Last change', 'Note'] as const;

/** @param caption what the table holds; may hide, but is there for screen readers */
export function table(caption: string, rows: readonly Html[], heads: readonly string[] = columns) {
  return html`<table role="table" class="rows">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads.map(
    (head) => html`<th role="columnheader" scope="col">${head}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">
${rows}</tbody>
</table>
`;
}

/** A table of short rows, each a list of cells in the order of `heads`. */
export function plainTable(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly Html[])[],
): Html {
  return html`<table role="table" class="plain">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${heads.map(
    (head) => html`<th role="columnheader" scope="col">${head}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">
${rows.map(
  (cells) => html`<tr role="row">${cells.map((cell) => html`<td role="cell">${cell}</td>`)}</tr>
`,
)}</tbody>
</table>`;
}

const quiet = html`<span class="quiet">–</span>`;

export function serviceRow(
  service: ServiceStatus,
  findings: readonly OpenFinding[],
  nowUs: RealtimeUs,
): Html {
  const sentences = findings.map(({ sentence }) => html`<p>${sentence}</p>`);
  const isFailed = service.state === 'failed' && service.result !== 'success';
  return row(badge(serviceLooks[service.state]), serviceLink(service.name), [
    ['Up for', upFor(service, nowUs)],
    ['Restarts', restartsCell(service)],
    ['Last change', ago(service.changedUs, nowUs)],
    ['Note', html`${isFailed && html`<p>${service.result}</p>`}${sentences}`],
  ]);
}

export function upFor({ upSinceUs }: ServiceStatus, nowUs: RealtimeUs): Html {
  return upSinceUs === 0 ? quiet : html`${rough(nowUs - upSinceUs)}`;
}

/** `17 automatic, 2 manual`; causes without any are left out. */
export function restartsCell({ restarts }: ServiceStatus): Html {
  const causes = (['automatic', 'manual', 'unitwatch'] as const).filter((c) => restarts[c] > 0);
  if (causes.length === 0) return quiet;
  return html`${causes.map((cause) => `${restarts[cause]} ${cause}`).join(', ')}`;
}

export function checkRow(check: CheckView, nowUs: RealtimeUs): Html {
  const { found, expected, dependsOn } = check;
  const isCounted = found !== undefined && expected !== undefined;
  return row(checkBadge(check), serviceLink(check.name), [
    ['For', html`${check.sinceUs === 0 ? quiet : rough(nowUs - check.sinceUs)}`],
    ['Processes', isCounted ? html`${found} of ${expected}` : quiet],
    ['Checked', ago(check.checkedUs, nowUs)],
    [
      'Note',
      html`${check.reason !== '' && html`<p>${check.reason}</p>`}${
        dependsOn.length > 0 && html`<p class="quiet">needs ${listOf(dependsOn)}</p>`
      }`,
    ],
  ]);
}

export const checkColumns = ['State', 'Name', 'For', 'Processes', 'Checked', 'Note'] as const;

/** Names in a cell; the rest is on the page of its own. */
const namesMax = 12;

function listOf(names: readonly string[]): string {
  const more = names.length - namesMax;
  return `${names.slice(0, namesMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const patternWords = {
  crash_loop: 'Crash loop',
  periodic_crash: 'Periodic crash',
  anomaly: 'Anomaly',
  memory_leak: 'Memory leak',
} as const satisfies Readonly<Record<OpenFinding['pattern'], string>>;

/** One finding with its sentence. */
export function findingItem(finding: OpenFinding, nowUs: RealtimeUs): Html {
  const { id, pattern, service, severity, sentence, openedUs, acknowledged } = finding;
  return html`<li class="finding ${severity}">
<p class="what"><strong>${patternWords[pattern]}</strong> ${serviceLink(service)} <span class="severity">${severity}</span>${acknowledged && html` <span class="quiet">acknowledged</span>`}</p>
<p>${sentence}</p>
<p class="quiet">Since ${exactTime(openedUs)}, ${ago(openedUs, nowUs)}.</p>
${!acknowledged && actionButtons([['acknowledge', 'Acknowledge']], id, service)}
</li>
`;
}

/** Hidden until the script holds a token. */
export function actionButtons(
  verbs: readonly (readonly [verb: string, label: string])[],
  name: string,
  shown: string = name,
): Html {
  return html`<p class="actions">${verbs.map(
    ([verb, label]) =>
      html`<button type="button" data-action="${verb}" data-name="${encodeURIComponent(
        name.replace(/\p{Cs}/gu, '\ufffd'),
      )}" aria-label="${label} ${shown}">${label}</button> `,
  )}</p>`;
}
