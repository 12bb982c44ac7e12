import type { Picture, PictureEdge, PictureUnit } from './picture.ts';

export const formats = ['text', 'dot', 'mermaid', 'json'] as const;
export type Format = (typeof formats)[number];

/** The picture in one of the formats, with a newline at its end. */
export function render(picture: Picture, format: Format): string {
  switch (format) {
    case 'text':
      return text(picture);
    case 'dot':
      return dot(picture);
    case 'mermaid':
      return mermaid(picture);
    case 'json':
      return `${JSON.stringify(picture, undefined, 2)}\n`;
  }
}

const noSlice = 'no slice';
const marks = { up: ' ', failed: '!', down: '-', changing: '~' } as const;

/** A paragraph for each slice; a unit a line, then what it depends on. `*` says that it needs it. */
function text({ groups, edges }: Picture): string {
  const from = edgesFrom(edges);
  const paragraphs = groups.map(({ slice, units }) => {
    const lines = units.flatMap((unit) => [
      `${marks[unit.state]} ${printable(unit.name)}`,
      ...byKind(from.get(unit.name) ?? []).map(
        ([kind, names, hard]) =>
          `      ${kind}${hard ? '*' : ''} ${names.map(printable).join(' ')}`,
      ),
    ]);
    return [`${printable(slice) || noSlice} (${units.length})`, ...lines].join('\n');
  });
  const legend = '! failed   - down   ~ changing   * cannot do without';
  return `${[...paragraphs, legend].join('\n\n')}\n`;
}

function edgesFrom(edges: readonly PictureEdge[]): Map<string, PictureEdge[]> {
  const from = new Map<string, PictureEdge[]>();
  for (const edge of edges) from.set(edge.from, [...(from.get(edge.from) ?? []), edge]);
  return from;
}

function byKind(
  edges: readonly PictureEdge[],
): (readonly [kind: string, names: string[], hard: boolean])[] {
  const rows = new Map<string, [string, string[], boolean]>();
  for (const { kind, to, hard } of edges) {
    const row = rows.get(kind);
    if (row === undefined) rows.set(kind, [kind, [to], hard]);
    else row[1].push(to);
  }
  return [...rows.values()];
}

/** Names are bytes of somebody else's: nothing in them may move the cursor. */
function printable(name: string): string {
  return name.replace(/[^\x20-\x7e\u00a1-\uffff]/g, '?');
}

const fills = { up: 'white', failed: 'salmon', down: 'gray90', changing: 'khaki' } as const;

/** Graphviz: a cluster for each slice. */
function dot({ groups, edges }: Picture): string {
  const clusters = groups.map(({ slice, units }, i) => {
    const nodes = units.map(
      ({ name, state }) => `    ${quoted(name)} [fillcolor=${fills[state]}];`,
    );
    return [
      `  subgraph cluster_${i} {`,
      `    label=${quoted(slice || noSlice)};`,
      ...nodes,
      '  }',
    ].join('\n');
  });
  const lines = edges.map(
    ({ from, to, kind, hard }) =>
      `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(kind)}${hard ? '' : ', style=dashed'}];`,
  );
  // Without newrank Graphviz 2.42 gives up on hundreds of units in clusters: "trouble in init_rank".
  const graph = '  rankdir=LR; newrank=true;';
  const head = ['digraph units {', graph, '  node [shape=box, style=filled];'];
  return `${[...head, ...clusters, ...lines, '}'].join('\n')}\n`;
}

function quoted(name: string): string {
  return `"${printable(name).replace(/[\\"]/g, '\\$&')}"`;
}

/** Mermaid: a subgraph for each slice; units are numbered, since names may hold anything. */
function mermaid({ groups, edges }: Picture): string {
  const all = groups.flatMap(({ units }) => units);
  const ids = new Map(all.map(({ name }, i) => [name, `u${i}`]));
  const lines = groups.flatMap(({ slice, units }, i) => [
    `  subgraph s${i}["${escaped(slice || noSlice)}"]`,
    ...units.map((unit) => `    ${ids.get(unit.name)}["${escaped(unit.name)}"]${classOf(unit)}`),
    '  end',
  ]);
  const arrows = edges.map(
    ({ from, to, kind, hard }) =>
      `  ${ids.get(from)} ${hard ? '-->' : '-.->'}|${kind}| ${ids.get(to)}`,
  );
  const classes = Object.entries(fills)
    .filter(([state]) => state !== 'up')
    .map(([state, fill]) => `  classDef ${state} fill:${fill}`);
  return `${['flowchart LR', ...lines, ...arrows, ...classes].join('\n')}\n`;
}

function classOf({ state }: PictureUnit): string {
  return state === 'up' ? '' : `:::${state}`;
}

/** Mermaid reads entities written as `#...;`. */
function escaped(name: string): string {
  return printable(name).replace(/["#<>&]/g, (char) => `#${char.charCodeAt(0)};`);
}
