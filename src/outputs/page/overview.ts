import type { CheckView } from '../../model/check.ts';
import type { OpenFinding, ServiceStatus, StatusView } from '../../model/status.ts';
import {
  isDownCheck,
  isProblemCheck,
  isProblemService,
  type OverallState,
  overallState,
} from '../../model/status.ts';
import type { RealtimeUs } from '../../model/time.ts';
import { checkColumns, checkRow, findingItem, serviceRow, table } from './cells.ts';
import { ago, exactTime, type Html, html, plural, serviceLink } from './html.ts';

/** Rows of one table, and of all: a page of 2,000 has half a megabyte; the filter finds the rest. */
const rowsOfGroup = 500;
const rowsOfPage = 2_000;
/** A list that fits a screen needs no folding. */
const unfoldedMax = 20;
/** Findings with their sentences, worst first. */
const findingsMax = 100;
/** Alarms, repairs and outages in a list. */
const listMax = 100;

export interface Filter {
  /** Part of a name, whatever its case; empty for all. */
  readonly text: string;
  readonly problemsOnly: boolean;
}

/** @param query behind the `?` of the request */
export function filterOf(query: string): Filter {
  const wanted = new URLSearchParams(query);
  return {
    // Longer than any name.
    text: (wanted.get('filter') ?? '').trim().slice(0, 255),
    problemsOnly: wanted.get('show') === 'problems',
  };
}

const overallWords: Readonly<Record<OverallState, readonly [tone: string, sentence: string]>> = {
  well: ['good', 'Everything is well.'],
  attention: ['warn', 'Something needs attention.'],
  down: ['bad', 'Something is down.'],
  blind: ['bad', 'There is no connection to the bus: services are shown as they last were.'],
};

/** How it is altogether, and when that was looked at. */
export function headline(view: StatusView): Html {
  const [tone, sentence] = overallWords[overallState(view)];
  const { checkedUs, timeUs } = view;
  return html`<div class="overall ${tone}">
<h1>${sentence}</h1>
<p class="checked">${
    checkedUs === 0
      ? html`No full check yet: Refresh makes one.`
      : html`Checked ${exactTime(checkedUs)}, ${ago(checkedUs, timeUs)}.`
  }</p>
<p class="counts">${countsOf(view)}</p>
</div>`;
}

/** What there is, the worst first. */
export function overview(view: StatusView, filter: Filter): Html {
  const { timeUs } = view;
  const passes = nameFilter(filter.text);
  const checks = view.checks.filter(
    (check) => passes(check.name) && (!filter.problemsOnly || isProblemCheck(check)),
  );
  const findings = view.findings.filter((finding) => passes(finding.service));
  return html`${findingsSection(findings, timeUs)}
${checks.length > 0 && section('components', 'Components', componentsTable(checks, timeUs))}
${servicesPart(view, filter, passes)}
${repairsSection(view)}
${outagesSection(view)}`;
}

function countsOf({ services, checks, findings }: StatusView): string {
  const counts = new Map<string, number>();
  for (const { state } of services) counts.set(state, (counts.get(state) ?? 0) + 1);
  const words = (['failed', 'missing', 'waiting'] as const)
    .filter((state) => counts.has(state))
    .map((state) => `${counts.get(state)} ${state}`);
  const parts = [
    plural(services.length, 'unit') + (words.length > 0 ? ` (${words.join(', ')})` : ''),
    plural(checks.length, 'component'),
    plural(findings.length, 'open finding'),
  ];
  return parts.join(' · ');
}

function nameFilter(text: string): (name: string) => boolean {
  const part = text.toLowerCase();
  return (name) => part === '' || name.toLowerCase().includes(part);
}

function section(id: string, title: string, content: Html): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}</section>
`;
}

const severityOrder = { critical: 0, error: 1, warning: 2, info: 3, debug: 4 } as const;

function findingsSection(findings: readonly OpenFinding[], timeUs: RealtimeUs): Html | false {
  if (findings.length === 0) return false;
  const worst = [...findings].sort(
    (a, b) =>
      Number(a.acknowledged) - Number(b.acknowledged) ||
      severityOrder[a.severity] - severityOrder[b.severity] ||
      b.openedUs - a.openedUs,
  );
  const items = worst.slice(0, findingsMax).map((finding) => findingItem(finding, timeUs));
  return section(
    'findings',
    'Open findings',
    html`<ul class="findings">
${items}</ul>${moreNote(findings.length - findingsMax)}`,
  );
}

/** What is down, what is not well, and the rest. */
function checkOrder(check: CheckView): number {
  if (isDownCheck(check)) return 0;
  return isProblemCheck(check) ? 1 : 2;
}

function componentsTable(checks: StatusView['checks'], timeUs: RealtimeUs): Html {
  const ordered = [...checks].sort((a, b) => checkOrder(a) - checkOrder(b) || byName(a, b));
  const rows = ordered.slice(0, rowsOfGroup).map((check) => checkRow(check, timeUs));
  return html`${table('Components, what is not well first', rows, checkColumns)}${moreNote(
    checks.length - rowsOfGroup,
  )}`;
}

const stateOrder = { missing: 0, failed: 0, waiting: 1, stopping: 2, starting: 2, down: 3, up: 3 };

function servicesPart(view: StatusView, filter: Filter, passes: (name: string) => boolean): Html {
  const findings = findingsByService(view.findings);
  const shown = view.services.filter(({ name }) => passes(name));
  const isProblem = (service: ServiceStatus): boolean =>
    isProblemService(service, findings.has(service.name));
  const problems = shown
    .filter(isProblem)
    .sort((a, b) => stateOrder[a.state] - stateOrder[b.state] || byName(a, b));
  const others = filter.problemsOnly ? [] : shown.filter((service) => !isProblem(service));
  const rowOf = (service: ServiceStatus): Html =>
    serviceRow(service, findings.get(service.name) ?? [], view.timeUs);
  return html`${
    problems.length > 0 &&
    section('problems', 'Services with problems', problemTable(problems, rowOf))
  }${others.length > 0 && section('services', 'Services', groups(others, rowOf, filter))}${
    problems.length + others.length === 0 &&
    html`<p>${shown.length > 0 ? 'No service has a problem.' : 'There is no such service.'}</p>`
  }`;
}

function problemTable(
  problems: readonly ServiceStatus[],
  rowOf: (service: ServiceStatus) => Html,
): Html {
  const rows = problems.slice(0, rowsOfGroup).map(rowOf);
  return html`${table('Services with problems', rows)}${moreNote(problems.length - rowsOfGroup)}`;
}

function findingsByService(findings: readonly OpenFinding[]): Map<string, OpenFinding[]> {
  const byService = new Map<string, OpenFinding[]>();
  for (const finding of findings) {
    const list = byService.get(finding.service);
    if (list) list.push(finding);
    else byService.set(finding.service, [finding]);
  }
  return byService;
}

/** Folded by slice, or by type where a unit lies in none; open where it is short or searched for. */
function groups(
  services: readonly ServiceStatus[],
  rowOf: (service: ServiceStatus) => Html,
  filter: Filter,
): Html {
  const bySlice = new Map<string, ServiceStatus[]>();
  for (const service of services) {
    const key = service.slice || `${service.type} units`;
    const group = bySlice.get(key);
    if (group) group.push(service);
    else bySlice.set(key, [service]);
  }
  let left = rowsOfPage;
  const isOpen = filter.text !== '' || services.length <= unfoldedMax;
  const folded = [...bySlice]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, group], i) => {
      const shown = group.sort(byName).slice(0, Math.min(rowsOfGroup, left));
      left -= shown.length;
      // Names of slices come from outside: an ID made of one could be another's.
      return html`<details class="group" id="group-${i}"${isOpen && html` open`}>
<summary>${name} <span class="quiet">${group.length}</span></summary>
${shown.length > 0 && table(name, shown.map(rowOf))}${moreNote(group.length - shown.length)}</details>
`;
    });
  return html`${folded}`;
}

function moreNote(more: number): Html | false {
  return more > 0 && html`<p class="quiet">${more} more are not shown: use the filter.</p>`;
}

function repairsSection({ repairs }: StatusView): Html | false {
  if (repairs.length === 0) return false;
  const items = repairs.slice(0, listMax).map(({ process, state, reason, attempt }) => {
    const words = [state.replaceAll('_', ' '), attempt > 0 ? `attempt ${attempt}` : '', reason];
    return html`<li>${serviceLink(process)}: ${words.filter((word) => word !== '').join(', ')}</li>
`;
  });
  return section(
    'repairs',
    'Alarms and repairs',
    html`<ul>
${items}</ul>${moreNote(repairs.length - listMax)}`,
  );
}

function outagesSection({ outages }: StatusView): Html | false {
  if (outages.length === 0) return false;
  const items = outages.slice(0, listMax).map(({ name, untilUs, checks }) => {
    const until = untilUs === 0 ? html`without an end` : html`until ${exactTime(untilUs)}`;
    return html`<li><strong>${name}</strong> ${until}: ${checks.slice(0, listMax).join(', ')}</li>
`;
  });
  return section(
    'outages',
    'Planned outages',
    html`<ul>
${items}</ul>${moreNote(outages.length - listMax)}`,
  );
}

/** What narrows the page: a plain form, which the script sends while one types. */
export function filterForm({ text, problemsOnly }: Filter): Html {
  return html`<form id="filter" class="filter" method="get" action="/" role="search">
<label for="filter-text">Name contains</label>
<input id="filter-text" type="search" name="filter" value="${text}" maxlength="255">
<label class="check"><input type="checkbox" name="show" value="problems"${problemsOnly && html` checked`}> Only problems</label>
<button type="submit">Filter</button>
</form>`;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
