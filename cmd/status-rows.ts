import { unitFilter } from '../src/collector/filter.ts';
import { unitType } from '../src/model/unit-name.ts';
import {
  isDownCheck,
  isDownService,
  type Told,
  type ToldCheck,
  type ToldFinding,
  type ToldService,
} from './status-told.ts';

/** `bad`: it does not run; `warn`: somebody should look at it; `calm`: it is off and may be. */
export type Tone = 'bad' | 'warn' | 'good' | 'calm';

/** One line of the table. */
export interface Row {
  readonly tone: Tone;
  readonly state: string;
  readonly kind: string;
  readonly name: string;
  /** Since when, as RFC 3339; null where that is not known. */
  readonly since: string | null;
  readonly note: string;
}

export interface Chosen {
  /** Problems first. */
  readonly rows: readonly Row[];
  /** How many services there are beside those, by their state. */
  readonly others: Readonly<Record<string, number>>;
}

const tones: readonly Tone[] = ['bad', 'warn', 'good', 'calm'];
/** Within one tone: what is most specific first. */
const kinds: readonly string[] = ['finding', 'repair', 'component', 'tcp', 'http', 'service'];

/**
 * The lines that matter: all components, checks and findings; of the services those that
 * `whitelist` names or, without one, those with a problem.
 */
export function rowsOf(told: Told, whitelist: readonly string[], all: boolean): Chosen {
  const found = new Set(told.findings.map(({ service }) => service));
  const listed = unitFilter({
    ...{ monitorAll: false, whitelist, blacklist: [], containersOnly: false },
    unitTypes: [...new Set(told.services.map(({ name }) => unitType(name)))],
  });
  const matters = (service: ToldService): boolean =>
    all ||
    listed.follows(service.name) ||
    isDownService(service) ||
    service.state === 'waiting' ||
    found.has(service.name);
  const others: Record<string, number> = {};
  for (const service of told.services) {
    if (!matters(service)) others[service.state] = (others[service.state] ?? 0) + 1;
  }
  const rows = [
    ...told.findings.map(findingRow),
    ...told.repairs.map(
      ({ process, state, reason, attempt }): Row => ({
        ...{ tone: 'warn', kind: 'repair', name: process, since: null },
        state: words(state),
        note: [attempt > 0 ? `attempt ${attempt}` : '', reason].filter(Boolean).join(', '),
      }),
    ),
    ...told.checks.map(checkRow),
    ...told.services.filter(matters).map(serviceRow),
    ...told.outages.map(
      ({ name, until }): Row => ({
        ...{ tone: 'calm', state: 'planned', kind: 'outage', name, since: null },
        note:
          until === null ? 'without an end' : `until ${until.slice(0, 16).replace('T', ' ')} UTC`,
      }),
    ),
  ];
  const rank = ({ tone, kind }: Row): number =>
    tones.indexOf(tone) * 100 + (kinds.indexOf(kind) + 1 || kinds.length + 1);
  return { rows: rows.sort((a, b) => rank(a) - rank(b) || compare(a.name, b.name)), others };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

const serviceTones: Readonly<Record<string, Tone>> = {
  ...{ up: 'good', starting: 'warn', stopping: 'warn', waiting: 'warn' },
  ...{ down: 'calm', failed: 'bad', missing: 'bad' },
};
/** As the status page calls them: a unit that is merely inactive is not down. */
const serviceWords: Readonly<Record<string, string>> = { down: 'inactive', waiting: 'restarting' };

function serviceRow({ name, state, result, changed, restarts }: ToldService): Row {
  const count = Object.values(restarts).reduce((sum, one) => sum + one, 0);
  const note = [
    result === 'success' || result === '' || state === 'up' ? '' : result,
    count > 0 ? `${count} restart${count === 1 ? '' : 's'}` : '',
  ];
  return {
    ...{ tone: serviceTones[state] ?? 'warn', state: stateWord(state), kind: 'service' },
    ...{ name, since: changed, note: note.filter(Boolean).join(', ') },
  };
}

/** The word for a service's state. */
export function stateWord(state: string): string {
  return serviceWords[state] ?? words(state);
}

function checkRow(check: ToldCheck): Row {
  const { name, kind, state, since, reason, outage, unit, pids } = check;
  const isWell = state === 'running' || state === 'up';
  const tone = isWell ? 'good' : isDownCheck(check) ? 'bad' : 'warn';
  const detail = unit ?? (pids.length > 0 ? `PID ${pids.slice(0, 3).join(', ')}` : '');
  const more = pids.length > 3 ? ` and ${(check.found ?? pids.length) - 3} more` : '';
  return {
    ...{ tone: outage ? 'calm' : tone, state: words(state), name, since },
    kind: kind === 'process' || kind === 'unit' ? 'component' : kind,
    note: [outage ? 'planned outage' : '', reason || detail + more].filter(Boolean).join(', '),
  };
}

function findingRow({
  pattern,
  service,
  severity,
  sentence,
  opened,
  acknowledged,
}: ToldFinding): Row {
  return {
    tone: acknowledged ? 'calm' : severity === 'error' || severity === 'critical' ? 'bad' : 'warn',
    ...{ state: words(pattern), kind: 'finding', name: service, since: opened },
    note: acknowledged ? `(seen) ${sentence}` : sentence,
  };
}

function words(name: string): string {
  return name.replaceAll('_', ' ');
}
