import { isTimeZone } from '../../model/local-time.ts';
import { type MonitoredCollection, monitoredCollections } from '../../model/monitor.ts';
import { faultOfTimes, type OutageTimes, type Repeat, repeats } from '../outages.ts';
import { isSettings, type Settings, settingsWanted } from './settings.ts';

/** What is monitored. */
export interface ServiceRecord {
  readonly name: string;
  /** Which kind of look: `tcp`, `http`, or one of your own. */
  readonly kind: string;
  /** What the kind needs: host, port, url. */
  readonly settings: Settings;
  /** Seconds between looks for its own sake; without it only subscribers have it looked at. */
  readonly interval?: number;
}

/** Who is told, and how. */
export interface CallerRecord {
  readonly id: string;
  readonly name: string;
  /** How: `event`, `webhook`, `command`, `email`, or a kind of your own. */
  readonly kind: string;
  readonly settings: Settings;
}

/** Who wants to hear of what. Seconds. */
export interface SubscriptionRecord {
  readonly caller: string;
  readonly service: string;
  readonly polling_frequency: number;
  readonly grace_time: number;
}

/** When a service is expected to be away. */
export interface OutageRecord extends OutageTimes {
  readonly id: string;
  readonly service: string;
  readonly note?: string;
}

/** What stands in the registry, by the name of its collection. */
export interface Records extends Readonly<Record<MonitoredCollection, object>> {
  readonly services: ServiceRecord;
  readonly callers: CallerRecord;
  readonly subscriptions: SubscriptionRecord;
  readonly outages: OutageRecord;
}
export type Collection = keyof Records;
export type AnyRecord = Records[Collection];

/** A field of a record, as the API takes it and as an option of the command line. */
export interface FieldSpec {
  readonly type: 'name' | 'text' | 'seconds' | 'settings' | 'time' | 'zone' | 'repeat';
  readonly doc: string;
  readonly optional?: true;
  /** Of seconds. */
  readonly min?: number;
  readonly max?: number;
  /** What stands where nothing is given. */
  readonly instead?: string | number;
}

interface ResourceSpec {
  readonly singular: string;
  /** The fields by which one is found, in the order of the path and the command line. */
  readonly key: readonly string[];
  readonly fields: Readonly<Record<string, FieldSpec>>;
  /** Entries kept. */
  readonly max: number;
}

const daySeconds = 86_400;

/** Every collection. The API, the registry and the command line are made of this table. */
export const resourceTable: Readonly<Record<Collection, ResourceSpec>> = {
  services: {
    singular: 'service',
    key: ['name'],
    // Three times what is measured in the bench.
    max: 10_000,
    fields: {
      name: { type: 'name', doc: 'its name' },
      kind: { type: 'name', doc: 'kind of check: tcp, http' },
      settings: {
        type: 'settings',
        doc: 'what the kind needs, such as host=db port=5432',
        instead: '',
      },
      interval: {
        type: 'seconds',
        doc: 'how often it is looked at without any subscriber',
        optional: true,
        min: 1,
        max: daySeconds,
      },
    },
  },
  callers: {
    singular: 'caller',
    key: ['id'],
    max: 10_000,
    fields: {
      id: { type: 'name', doc: 'a short name that stays' },
      name: { type: 'text', doc: 'who it is', instead: '' },
      kind: { type: 'name', doc: 'how they are told: event, webhook, command, email' },
      settings: {
        type: 'settings',
        doc: 'what the kind needs, such as url=https://...',
        instead: '',
      },
    },
  },
  subscriptions: {
    singular: 'subscription',
    key: ['caller', 'service'],
    // Ten for each caller.
    max: 100_000,
    fields: {
      caller: { type: 'name', doc: 'id of the caller' },
      service: { type: 'name', doc: 'name of the service' },
      polling_frequency: {
        type: 'seconds',
        doc: 'how often they want it looked at, and hear of it at the most',
        min: 0,
        max: daySeconds,
      },
      grace_time: {
        type: 'seconds',
        doc: 'how long it must be down before they hear of it',
        min: 0,
        max: daySeconds,
        instead: 0,
      },
    },
  },
  outages: {
    singular: 'outage',
    key: ['id'],
    max: 10_000,
    fields: {
      id: { type: 'name', doc: 'a short name that stays' },
      service: { type: 'name', doc: 'name of the service' },
      start: { type: 'time', doc: 'local time at which it begins: 2026-11-22T02:00' },
      end: { type: 'time', doc: 'local time at which it ends' },
      time_zone: { type: 'zone', doc: 'zone of these times: Europe/Berlin', instead: 'UTC' },
      repeat: { type: 'repeat', doc: repeats.join(', '), instead: 'once' },
      until: { type: 'time', doc: 'a repeating one begins no more after it', optional: true },
      note: { type: 'text', doc: 'why', optional: true },
    },
  },
};

export const collections: readonly Collection[] = monitoredCollections;

/** Planned outages of one service: each is looked through at every border. */
export const outagesOfServiceMax = 64;

const nameMax = 128;
const textMax = 500;

/** What was asked wrongly; the sentence says what is right. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** As in HTTP: 400 wrong, 404 not there, 409 there already or still needed. */
  readonly status: 400 | 404 | 409;

  constructor(status: RequestError['status'], sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** A record of plain JSON, or a RequestError that names the field. */
export function readRecord<C extends Collection>(collection: C, given: unknown): Records[C] {
  const { fields, singular } = resourceTable[collection];
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new RequestError(400, `${aOrAn(singular)} must be a JSON object.`);
  }
  const unknown = Object.keys(given).find((field) => !Object.hasOwn(fields, field));
  if (unknown !== undefined) {
    const known = Object.keys(fields).join(', ');
    throw new RequestError(
      400,
      `${aOrAn(singular)} has no field ${quote(unknown)}; there are ${known}.`,
    );
  }
  const record: Record<string, unknown> = {};
  for (const [field, spec] of Object.entries(fields)) {
    const value: unknown = Reflect.get(given, field) ?? spec.instead;
    if (value === undefined && spec.optional) continue;
    if (value === undefined)
      throw new RequestError(400, `The ${singular} has no ${field}: ${spec.doc}.`);
    record[field] = readField(field, spec, value);
  }
  if (hasTimes(collection, record)) {
    const fault = faultOfTimes(record);
    if (fault) throw new RequestError(400, fault);
  }
  return shaped(collection, record);
}

function readField(field: string, spec: FieldSpec, value: unknown): unknown {
  switch (spec.type) {
    case 'seconds':
      return readSeconds(field, spec, value);
    case 'settings':
      return readSettings(field, value);
    case 'name':
      if (typeof value === 'string' && isName(value)) return value;
      throw new RequestError(400, `${field} must be a name of 1 to ${nameMax} visible characters.`);
    case 'repeat':
      if (repeats.some((one) => one === value)) return value;
      throw new RequestError(400, `${field} must be one of ${repeats.join(', ')}.`);
    case 'zone':
      if (typeof value === 'string' && isTimeZone(value)) return value;
      throw new RequestError(400, `${field} must be a time zone such as Europe/Berlin or UTC.`);
    default:
      if (typeof value === 'string' && value.length <= textMax && !/\p{Cc}/u.test(value))
        return value;
      throw new RequestError(400, `${field} must be one line of at most ${textMax} characters.`);
  }
}

function readSeconds(
  field: string,
  { min = 0, max = daySeconds }: FieldSpec,
  value: unknown,
): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new RequestError(400, `${field} must be a number of seconds from ${min} to ${max}.`);
}

function readSettings(field: string, value: unknown): Settings {
  const given = value === '' ? {} : value;
  if (isSettings(given)) return { ...given };
  throw new RequestError(400, `${field} must be ${settingsWanted}.`);
}

/** A name stands in paths, subjects and terminals: nothing invisible, no line end, no space at an end. */
function isName(text: string): boolean {
  return (
    text.length >= 1 &&
    text.length <= nameMax &&
    text.trim() === text &&
    !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
  );
}

/** For the beginning of a sentence. */
export function aOrAn(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'An' : 'A'} ${noun}`;
}

/** For sentences: any text from outside, as JSON would have it, and short. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

function hasTimes(
  collection: Collection,
  record: object,
): record is OutageTimes & { repeat: Repeat } {
  return collection === 'outages' && 'start' in record;
}

/** The table of fields has made sure of every one of them; the compiler cannot follow it there. */
function shaped<C extends Collection>(_collection: C, record: object): Records[C] {
  return record as Records[C];
}

/** The key of a record as one text: its parts, percent-encoded, between slashes. */
export function keyOf<C extends Collection>(collection: C, record: Records[C]): string {
  return joinKey(resourceTable[collection].key.map((field) => String(Reflect.get(record, field))));
}

export function joinKey(parts: readonly string[]): string {
  return parts.map((part) => encodeURIComponent(part)).join('/');
}

export const isSubscription = (record: AnyRecord): record is SubscriptionRecord =>
  'grace_time' in record;
export const isOutage = (record: AnyRecord): record is OutageRecord => 'time_zone' in record;
export const isCaller = (record: AnyRecord): record is CallerRecord =>
  'id' in record && 'kind' in record;
export const isService = (record: AnyRecord): record is ServiceRecord =>
  'kind' in record && !('id' in record);
