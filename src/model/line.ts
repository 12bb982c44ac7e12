import { assert } from './assert.ts';
import type { Event } from './event.ts';
import { limits } from './limits.ts';

/** Objects in objects: evidence is two deep; what is deeper than this is a cycle or a mistake. */
const depthMax = 8;
/** Shortest that a text is cut to: longer than every time, ID and listed value of the schema. */
const textMin = 64;
/** JSON.stringify writes a lone surrogate as its escape, which strict readers refuse. */
const loneSurrogate = /\\ud[89a-f]/;
/** They end a line or steer a terminal for some readers, though JSON allows them in a string. */
const lineBreaking = /[\x7f-\x9f\u2028\u2029]/g;

/**
 * An event as one line of NDJSON, `\n` included: at most `limits.eventBytes` of UTF-8, valid
 * against docs/events.schema.json, whatever its texts hold. Longer events have their longest texts
 * and lists shortened and say `cut: true`. A number that is none (NaN, Infinity) is left out, a
 * BigInt is written as a number.
 *
 * Nearly every event takes the first way, JSON.stringify and four searches of its text: a
 * serializer by hand was measured slower.
 */
export function lineOf(event: Event): string {
  const text = plainText(event);
  if (text !== undefined) {
    const isAscii = Buffer.byteLength(text) === text.length && !text.includes('\x7f');
    const line = `${isAscii ? text : escapeBreaks(text)}\n`;
    if (fits(line)) return line;
  }
  return cleanLine(event);
}

/** Undefined where the event holds what has no place in JSON or in the schema. */
function plainText(event: Event): string | undefined {
  let text: string;
  try {
    text = JSON.stringify(event);
  } catch {
    return undefined; // a BigInt or a cycle
  }
  // NaN and Infinity come out as null. A text that says "null" only costs the longer way.
  if (text.includes('null')) return undefined;
  return text.includes('\\') && loneSurrogate.test(text) ? undefined : text;
}

function fits(line: string): boolean {
  return line.length * 3 <= limits.eventBytes || Buffer.byteLength(line) <= limits.eventBytes;
}

function escapeBreaks(text: string): string {
  return text.replace(
    lineBreaking,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The event copied without what JSON cannot hold, with limits that halve until it fits. */
function cleanLine(event: Event): string {
  for (let limit: number = limits.eventBytes; limit >= 1; limit /= 2) {
    const copier = new Copier(Math.max(textMin, limit), Math.max(1, Math.floor(limit / 16)));
    // The event itself and its `data` keep all their fields: the schema names and bounds them.
    const { data, ...envelope } = event;
    const fields = copier.fields(envelope, 0, Number.POSITIVE_INFINITY);
    const dataFields = copier.fields(data, 1, Number.POSITIVE_INFINITY);
    const cut = copier.cut ? { cut: true } : {};
    const line = `${escapeBreaks(JSON.stringify({ ...fields, ...cut, data: dataFields }))}\n`;
    if (fits(line)) return line;
  }
  assert(false, `an event of type ${event.event_type} does not fit one line`);
}

class Copier {
  cut = false;
  readonly #textMax: number;
  readonly #listMax: number;
  /** Each value takes a byte of the line at least, so more cannot fit. */
  #valuesLeft = limits.eventBytes;

  constructor(textMax: number, listMax: number) {
    this.#textMax = textMax;
    this.#listMax = listMax;
  }

  fields(object: object, depth: number, max: number): Record<string, unknown> {
    const fields: [string, unknown][] = [];
    for (const [key, value] of Object.entries(object)) {
      if (fields.length >= max || this.#valuesLeft <= 0) {
        this.cut = true;
        break;
      }
      const copy = this.#value(value, depth + 1);
      if (copy !== undefined) fields.push([this.#text(key), copy]);
    }
    return Object.fromEntries(fields);
  }

  #value(value: unknown, depth: number): unknown {
    this.#valuesLeft--;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? value : undefined;
      case 'bigint':
        return Number(value);
      case 'boolean':
        return value;
      case 'object':
        return value === null ? undefined : this.#container(value, depth);
      default:
        return undefined;
    }
  }

  #container(value: object, depth: number): unknown {
    if (depth > depthMax) {
      this.cut = true;
      return undefined;
    }
    return Array.isArray(value)
      ? this.#list(value, depth)
      : this.fields(value, depth, this.#listMax);
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const list: unknown[] = [];
    for (const [i, value] of values.entries()) {
      if (i >= this.#listMax || this.#valuesLeft <= 0) {
        this.cut = true;
        // A list of numbers or objects stays one: there only `cut` tells it.
        if (typeof value === 'string') list.push(`… [${values.length - i} more]`);
        break;
      }
      const copy = this.#value(value, depth + 1);
      if (copy !== undefined) list.push(copy);
    }
    return list;
  }

  #text(text: string): string {
    let shown = text;
    if (text.length > this.#textMax) {
      this.cut = true;
      shown = `${text.slice(0, this.#textMax)}… [${text.length - this.#textMax} more]`;
    }
    return shown.replace(/\p{Surrogate}/gu, '\ufffd');
  }
}
