import { withType } from '../model/unit-name.ts';
import { type Contained, containersOf } from './containers.ts';
import type { DependencyGraph } from './graph.ts';
import { type Impact, impactOf, type Trigger, triggers } from './impact.ts';
import { type Picture, pictureOf } from './picture.ts';
import { type Format, formats, render } from './render.ts';

/** An impact as it is printed: with the containers that hang on the unit, where it has any. */
export type ToldImpact = Impact & { readonly containers?: readonly Contained[] };

/** What `unitwatch impact --json` prints; undefined where the unit is not known. */
export function toldImpact(
  graph: DependencyGraph,
  unit: string,
  on: Trigger,
): ToldImpact | undefined {
  const impact = impactOf(graph, withType(unit), on);
  if (impact === undefined) return undefined;
  const containers = containersOf(graph, impact.unit);
  return containers.length > 0 ? { ...impact, containers } : impact;
}

/** An answer over HTTP. */
export interface Answered {
  readonly status: 200 | 400 | 404 | 503;
  readonly contentType: string;
  readonly body: string;
}

const json = 'application/json';
/** systemd's longest name is far below; a longer one need not be looked for. */
const nameMax = 1_024;
/** Steps in a picture: more than any chain of units has. */
const depthMax = 9_999;

/** `/api/impact?unit=NAME&on=stop|crash|restart`; `graph` undefined: not read yet, or not kept. */
export function answerImpact(graph: DependencyGraph | undefined, asked: URLSearchParams): Answered {
  const unit = asked.get('unit') ?? '';
  const on = triggers.find((trigger) => trigger === (asked.get('on') ?? 'stop'));
  if (unit === '' || unit.length > nameMax) return refused(400, 'Name one unit: ?unit=NAME');
  if (on === undefined) return refused(400, `on is one of ${triggers.join(', ')}`);
  if (graph === undefined) return notRead;
  const told = toldImpact(graph, unit, on);
  return told === undefined ? unknown : answered(json, `${JSON.stringify(told, undefined, 2)}\n`);
}

const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; charset=utf-8',
  dot: 'text/vnd.graphviz; charset=utf-8',
  mermaid: 'text/plain; charset=utf-8',
  json,
};

/** `/api/graph?unit=NAME&depth=N&format=text|dot|mermaid|json`, JSON where nothing else is asked. */
export function answerGraph(graph: DependencyGraph | undefined, asked: URLSearchParams): Answered {
  const unit = asked.get('unit') ?? undefined;
  const format = formats.find((known) => known === (asked.get('format') ?? 'json'));
  const depth = asked.get('depth') ?? '3';
  if (format === undefined) return refused(400, `format is one of ${formats.join(', ')}`);
  if (unit !== undefined && (unit === '' || unit.length > nameMax))
    return refused(400, 'unit is the name of a unit');
  if (!/^\d{1,4}$/.test(depth)) return refused(400, `depth is a number from 0 to ${depthMax}`);
  if (graph === undefined) return notRead;
  const picture = pictureOf(graph, unit === undefined ? undefined : withType(unit), Number(depth));
  return picture === undefined ? unknown : answered(contentTypes[format], render(picture, format));
}

function answered(contentType: string, body: string): Answered {
  return { status: 200, contentType, body };
}

function refused(status: 400 | 404 | 503, error: string): Answered {
  return { status, contentType: json, body: `${JSON.stringify({ error })}\n` };
}

const unknown = refused(404, 'systemd has not loaded this unit');
const notRead = refused(503, 'The dependencies are not read yet, or track_dependencies is off');

/** The answer of `/api/impact`; undefined for what is none, as from some other program. */
export function readImpact(body: string): ToldImpact | undefined {
  const value = parsed(body);
  return isObject(value) && isImpact(value) ? value : undefined;
}

/** The answer of `/api/graph` in JSON; undefined for what is none. */
export function readPicture(body: string): Picture | undefined {
  const value = parsed(body);
  return isObject(value) && isPicture(value) ? value : undefined;
}

type Held = Readonly<Record<string, unknown>>;

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Held {
  return typeof value === 'object' && value !== null;
}

function isImpact(value: Held): value is Held & ToldImpact {
  const lists = ['stopped', 'restarted', 'degraded', 'blocked'];
  const { containers = [] } = value;
  return (
    hasTexts(value, ['unit']) &&
    triggers.some((trigger) => trigger === value['on']) &&
    ['string', 'undefined'].includes(typeof value['refused']) &&
    lists.every((list) => isListOf(value[list], isAffected)) &&
    isListOf(containers, (one) => hasTexts(one, ['unit', 'kind', 'id']))
  );
}

function isAffected(one: Held): boolean {
  const isText = (name: unknown): boolean => typeof name === 'string';
  const { path, kinds } = one;
  const hasWay = [path, kinds].every((list) => Array.isArray(list) && list.every(isText));
  return hasTexts(one, ['unit']) && hasWay;
}

function isPicture(value: Held): value is Held & Picture {
  const isUnit = (one: Held): boolean => hasTexts(one, ['name', 'state']);
  return (
    isListOf(
      value['groups'],
      (one) => hasTexts(one, ['slice']) && isListOf(one['units'], isUnit),
    ) && isListOf(value['edges'], (one) => hasTexts(one, ['from', 'to', 'kind']))
  );
}

function hasTexts(value: Held, keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === 'string');
}

function isListOf(value: unknown, is: (one: Held) => boolean): boolean {
  return Array.isArray(value) && value.every((one: unknown) => isObject(one) && is(one));
}
