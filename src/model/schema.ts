import { contextFields, type EventType, envelopeFields, eventDocs, eventTypes } from './event.ts';
import type { Field, Fields } from './field.ts';

type Json = Readonly<Record<string, unknown>>;

/** JSON Schema (2020-12) of one line of the stream: what docs/events.schema.json holds. */
export function eventSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:unitwatch:events',
    title: 'unitwatch event',
    description: 'One line of the NDJSON stream of unitwatch. Generated from src/model/event.ts.',
    type: 'object',
    required: ['event_type'],
    properties: { event_type: { enum: typeNames() } },
    oneOf: typeNames().map((name) => ({ $ref: `#/$defs/${name}` })),
    $defs: Object.fromEntries(typeNames().map((name) => [name, typeSchema(name)])),
  };
}

function typeNames(): EventType[] {
  return Object.keys(eventTypes).filter((name): name is EventType => name in eventTypes);
}

function typeSchema(name: EventType): Json {
  const fields: Fields = { ...envelopeFields, ...contextFields };
  const closed = objectSchema(fields);
  return {
    ...closed,
    description: eventDocs[name],
    properties: {
      ...propertiesOf(fields),
      event_type: { const: name },
      data: objectSchema(eventTypes[name]),
    },
    required: [...requiredOf(fields), 'event_type', 'data'],
  };
}

function objectSchema(fields: Fields): Json {
  return {
    type: 'object',
    properties: propertiesOf(fields),
    required: requiredOf(fields),
    additionalProperties: false,
  };
}

function propertiesOf(fields: Fields): Json {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)]));
}

function requiredOf(fields: Fields): string[] {
  return Object.keys(fields).filter((name) => fields[name]?.optional !== true);
}

function schemaOf(field: Field): Json {
  return {
    description: field.doc,
    ...typeOf(field),
    ...(field.values === undefined ? {} : { enum: field.values }),
    ...(field.pattern === undefined ? {} : { pattern: field.pattern }),
    ...(field.minimum === undefined ? {} : { minimum: field.minimum }),
  };
}

function typeOf(field: Field): Json {
  switch (field.type) {
    case 'strings':
      return { type: 'array', items: { type: 'string' } };
    case 'objects':
      return { type: 'array', items: { type: 'object' } };
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
    case 'object':
      return { type: field.type };
  }
}

/** The same for people: what docs/events.md holds. */
export function eventsPage(): string {
  const types = typeNames();
  return `${[
    '# Events',
    'Generated from `src/model/event.ts`; `UPDATE=1 node --test dist/test/model/schema.test.js` writes it anew. The JSON Schema is [events.schema.json](events.schema.json).',
    'One JSON object a line, at most 64 KiB, UTF-8. `data` holds what its `event_type` lists below. A field that is not always there is _optional_; one that is unknown is left out, never `null`.',
    '`seq` rises by one with each event of a run. Where a reader was too slow, or more than `max_events_per_second` came, one `agent` event with the phase `gap` stands for each run of events that were dropped, and has the `seq` of the last of them: events read + `dropped` of all gaps = the highest `seq`. Only `started`, `exited`, `restarting`, `restarted`, `stopped` and `failed` are dropped; the others only when they alone fill 64 MiB behind a reader that has stopped.',
    aligned([
      ['event_type', 'when'],
      ...types.map((name) => [`[\`${name}\`](#${name})`, eventDocs[name]]),
    ]),
    '## In every event',
    table({
      ...envelopeFields,
      event_type: { type: 'string', doc: 'One of the table above.' },
      data: { type: 'object', doc: 'What belongs to the type.' },
    }),
    '## Where it is known',
    table(contextFields),
    ...types.flatMap((name) => [`## ${name}`, eventDocs[name], table(eventTypes[name])]),
  ].join('\n\n')}\n`;
}

function table(fields: Fields): string {
  const rows = Object.entries(fields).map(([name, field]) => [
    `\`${name}\``,
    typeWords(field),
    meaning(field),
  ]);
  return aligned([['field', 'type', 'meaning'], ...rows]);
}

/** A Markdown table as the formatter writes it: each column as wide as its longest cell. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)));
  const rule = widths.map((width) => '-'.repeat(width));
  const [head = [], ...body] = lines;
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function typeWords(field: Field): string {
  const words = { strings: 'list of strings', objects: 'list of objects' };
  const type =
    field.type === 'strings' || field.type === 'objects' ? words[field.type] : field.type;
  return field.optional === true ? `${type}, optional` : type;
}

function meaning(field: Field): string {
  const values = field.values?.map((value) => `\`${value}\``).join(', ');
  return values === undefined ? field.doc : `${field.doc} One of ${values}.`;
}
