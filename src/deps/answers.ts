import { withType } from '../model/unit-name.ts';
import { type Contained, containersOf } from './containers.ts';
import type { DependencyGraph } from './graph.ts';
import { type Impact, impactOf, type Trigger, triggers } from './impact.ts';
import { pictureOf } from './picture.ts';
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
