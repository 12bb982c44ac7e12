import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Event } from '../src/model/event.ts';
import { limits } from '../src/model/limits.ts';
import { eventSchema } from '../src/model/schema.ts';

const ajv = new Ajv2020({ strict: true, allErrors: true });
const validate = ajv.compile<Event>(eventSchema());

/** What is wrong with an event, by the schema; empty when nothing is. */
export function faultsOf(value: unknown): string[] {
  if (validate(value)) return [];
  const type = typeof value === 'object' && value !== null && Reflect.get(value, 'event_type');
  // Of `oneOf`, only what the branch of its own type says tells anything.
  const own = (validate.errors ?? []).filter(
    ({ schemaPath }) => schemaPath.startsWith(`#/$defs/${type}/`) || !schemaPath.includes('$defs'),
  );
  return own.map(({ instancePath, message, params }) => {
    return `${instancePath || 'event'} ${message} ${JSON.stringify(params)}`;
  });
}

/** Fails with a message that names the field when this is no valid event. */
export function validateEvent(value: unknown): asserts value is Event {
  const faults = faultsOf(value);
  assert.deepEqual(faults, [], `not a valid event: ${JSON.stringify(value)}`);
}

/** One line of the stream as an event: checks the line's form, its length and the schema. */
export function eventOfLine(line: string): Event {
  assert.ok(!/[\n\r\u2028\u2029]/.test(line), 'one line each');
  assert.ok(Buffer.byteLength(line) < limits.eventBytes, 'longer than 64 KiB');
  const value: unknown = JSON.parse(line);
  validateEvent(value);
  return value;
}

/** All lines of a finished stream as events. */
export function eventsOf(text: string): Event[] {
  assert.ok(text === '' || text.endsWith('\n'), `the last line is cut: ${text.slice(-200)}`);
  return text.split('\n').slice(0, -1).map(eventOfLine);
}

/**
 * Checks that a stream accounts for every event that was made: seq rises, gaps do not overlap
 * what was delivered, and delivered + dropped = `made`. Gives back how many were delivered and
 * how many the gaps stand for.
 */
export function accountOf(events: readonly Event[], made: number) {
  let last = 0;
  let delivered = 0;
  let dropped = 0;
  for (const event of events) {
    assert.ok(event.seq > last, `seq ${event.seq} after ${last}`);
    if (event.event_type === 'agent' && event.data.phase === 'gap') {
      assert.equal(event.data.last_seq, event.seq);
      assert.equal(event.data.first_seq, last + 1, 'a gap begins after what was delivered');
      assert.equal(event.data.dropped, event.seq - last, 'and stands for all up to its own seq');
      dropped += event.data.dropped ?? 0;
    } else {
      assert.equal(event.seq, last + 1, 'a hole in seq that no gap tells');
      delivered++;
    }
    last = event.seq;
  }
  assert.equal(delivered + dropped, made);
  return { delivered, dropped };
}
