import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type EventType, eventTypes } from '../../src/model/event.ts';
import type { Fields } from '../../src/model/field.ts';
import { eventSchema, eventsPage } from '../../src/model/schema.ts';
import { samples } from '../sample-events.ts';
import { faultsOf, validateEvent } from '../validate.ts';

const docs = join(import.meta.dirname, '../../../docs');

for (const [name, wanted] of [
  ['events.schema.json', `${JSON.stringify(eventSchema(), null, 2)}\n`],
  ['events.md', eventsPage()],
] as const) {
  test(`docs/${name} is what event.ts says`, () => {
    const file = join(docs, name);
    if (process.env['UPDATE'] === '1') writeFileSync(file, wanted);
    assert.equal(readFileSync(file, 'utf8'), wanted, 'run with UPDATE=1 to write it anew');
  });
}

const types = Object.keys(eventTypes) as EventType[];

for (const type of types) {
  test(`the schema takes a ${type} event and refuses wrong ones`, () => {
    const sample = samples[type];
    validateEvent(sample);
    const fields: Fields = eventTypes[type];
    const required = Object.keys(fields).filter((name) => fields[name]?.optional !== true);
    assert.ok(required.length > 0);
    for (const name of required) {
      refused({ ...sample, data: { ...sample.data, [name]: undefined } }, name);
    }
    for (const [name, field] of Object.entries(fields)) {
      const wrong = field.type === 'string' ? 7 : 'seven';
      refused({ ...sample, data: { ...sample.data, [name]: wrong } }, name);
      refused({ ...sample, data: { ...sample.data, [name]: null } }, name);
      if (field.values) refused({ ...sample, data: { ...sample.data, [name]: 'other?' } }, name);
      if (field.type === 'integer') {
        refused({ ...sample, data: { ...sample.data, [name]: 1.5 } }, name);
      }
    }
    refused({ ...sample, data: { ...sample.data, surprise: 1 } }, 'surprise');
    refused({ ...sample, data: [] }, 'data');
  });
}

const wrongEnvelopes = [
  { name: 'seq 0', change: { seq: 0 } },
  { name: 'no seq', change: { seq: undefined } },
  { name: 'seq is text', change: { seq: '1' } },
  { name: 'no time', change: { time: undefined } },
  { name: 'time in milliseconds', change: { time: '2026-01-31T09:26:53.589Z' } },
  { name: 'time with an offset', change: { time: '2026-01-31T09:26:53.589793+01:00' } },
  { name: 'no host', change: { host: undefined } },
  { name: 'no service', change: { service: undefined } },
  { name: 'unknown severity', change: { severity: 'bad' } },
  { name: 'pid is null', change: { pid: null } },
  { name: 'boot ID in capitals', change: { boot_id: 'ABCDEF6789abcdef0123456789abcdef' } },
  { name: 'boot ID too short', change: { boot_id: '0123' } },
  { name: 'depends_on is text', change: { depends_on: 'a.service' } },
  { name: 'affects is a list', change: { affects: [] } },
  { name: 'unknown field', change: { extra: 1 } },
  { name: 'no data', change: { data: undefined } },
  { name: 'data of another type', change: { data: samples.agent.data } },
  { name: 'unknown type', change: { event_type: 'exploded' } },
  { name: 'no type', change: { event_type: undefined } },
];

for (const { name, change } of wrongEnvelopes) {
  test(`the schema refuses: ${name}`, () => {
    refused({ ...samples.started, ...change }, Object.keys(change)[0] ?? '');
  });
}

for (const value of [null, 1, 'started', [], {}]) {
  test(`the schema refuses ${JSON.stringify(value)}`, () => {
    assert.notDeepEqual(faultsOf(value), []);
  });
}

/** The fault names the field, so that it refuses for the right reason. */
function refused(value: object, field: string): void {
  const faults = faultsOf(JSON.parse(JSON.stringify(value)));
  assert.ok(faults.length > 0, `accepted: ${JSON.stringify(value)}`);
  assert.ok(
    faults.some((fault) => fault.includes(field)),
    `${field} is not named in ${faults.join('; ')}`,
  );
}
