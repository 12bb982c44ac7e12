/** What is used of `/api/status` and of `unitwatch status --json`, which are the same. */
export interface Told {
  readonly host: string;
  readonly overall: string;
  readonly services: readonly ToldService[];
  readonly checks: readonly ToldCheck[];
  readonly findings: readonly ToldFinding[];
  readonly repairs: readonly ToldRepair[];
  readonly outages: readonly ToldOutage[];
}

export interface ToldService {
  readonly name: string;
  readonly state: string;
  readonly result: string;
  readonly changed: string | null;
  readonly restarts: Readonly<Record<string, number>>;
}

export interface ToldCheck {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly since: string | null;
  readonly reason: string;
  readonly found: number | null;
  readonly pids: readonly number[];
  readonly unit: string | null;
  readonly outage: boolean;
}

export interface ToldFinding {
  readonly pattern: string;
  readonly service: string;
  readonly severity: string;
  readonly sentence: string;
  readonly opened: string | null;
  readonly acknowledged: boolean;
}

export interface ToldRepair {
  readonly process: string;
  readonly state: string;
  readonly reason: string;
  readonly attempt: number;
}

export interface ToldOutage {
  readonly name: string;
  readonly until: string | null;
}

type Held = Readonly<Record<string, unknown>>;
type Is = (value: unknown) => boolean;

const isText: Is = (value) => typeof value === 'string';
const isNumber: Is = (value) => typeof value === 'number' && Number.isFinite(value);
const isFlag: Is = (value) => typeof value === 'boolean';
const orNull =
  (is: Is): Is =>
  (value) =>
    value === null || is(value);
const isTime = orNull((value) => isText(value) && !Number.isNaN(Date.parse(String(value))));
const listOf =
  (is: Is): Is =>
  (value) =>
    Array.isArray(value) && value.every(is);
const having =
  (fields: Readonly<Record<string, Is>>): Is =>
  (value) =>
    isHeld(value) && Object.entries(fields).every(([name, is]) => is(value[name]));

const isTold: Is = having({
  host: isText,
  overall: isText,
  services: listOf(
    having({
      ...{ name: isText, state: isText, result: isText, changed: isTime },
      restarts: (counts) => isHeld(counts) && Object.values(counts).every(isNumber),
    }),
  ),
  checks: listOf(
    having({
      ...{ name: isText, kind: isText, state: isText, since: isTime, reason: isText },
      ...{ found: orNull(isNumber), pids: listOf(isNumber), unit: orNull(isText), outage: isFlag },
    }),
  ),
  findings: listOf(
    having({
      ...{ pattern: isText, service: isText, severity: isText, sentence: isText },
      ...{ opened: isTime, acknowledged: isFlag },
    }),
  ),
  repairs: listOf(having({ process: isText, state: isText, reason: isText, attempt: isNumber })),
  outages: listOf(having({ name: isText, until: isTime })),
});

/** The answer of `/api/status`; undefined for what is none, as from some other program. */
export function readTold(body: string): (Told & Held) | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  return isToldObject(value) ? value : undefined;
}

function isToldObject(value: unknown): value is Told & Held {
  return isTold(value);
}

export function isHeld(value: unknown): value is Held {
  return typeof value === 'object' && value !== null;
}

/** Something that should run does not. */
export function isDown({ services, checks }: Told): boolean {
  return services.some(isDownService) || checks.some(isDownCheck);
}

export function isDownService({ state }: ToldService): boolean {
  return state === 'failed' || state === 'missing';
}

export function isDownCheck({ state, outage }: ToldCheck): boolean {
  return !outage && ['missing', 'down', 'too_many'].includes(state);
}
