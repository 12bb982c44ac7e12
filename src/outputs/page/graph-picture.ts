import type { DependencyNode, DependencyPicture } from '../../model/status.ts';
import { fit, printable } from '../terminal-text.ts';
import { plainTable, stateLook, stateWord } from './cells.ts';
import { box, type Layout, layout, type Placed } from './graph-layout.ts';
import { type Html, html, serviceLink, servicePath } from './html.ts';
import { round } from './timeline.ts';

/** Letters that fit into a box: the style sets their size. */
const lettersMax = 22;
/** Rows of the list: pictures of whole hosts have thousands. */
const edgesMax = 300;
/** Room around for what is drawn on the border. */
const margin = 4;

/** Rows of the list that are shown unfolded. */
const openMax = 12;

/** How a node looks; the style knows the tones. */
function lookOf({ kind, state }: DependencyNode): {
  readonly tone: string;
  readonly sign: string;
  readonly word: string;
} {
  if (kind === 'elsewhere') return { tone: 'calm', sign: '→', word: 'not checked here' };
  switch (state) {
    case 'up':
      return { tone: 'good', sign: '●', word: stateWord('up') };
    case 'failed':
      return { tone: 'bad', sign: '✕', word: stateWord('failed') };
    case 'down':
      return { tone: 'calm', sign: '○', word: stateWord('down') };
    case 'changing':
      return { tone: 'warn', sign: '◐', word: 'changing' };
    default:
      return stateLook(state);
  }
}

/** What a unit or a component needs and what needs it, as a picture and as a table. */
export function dependencyPicture(name: string, picture: DependencyPicture): Html {
  if (picture.edges.length === 0) return html`<p>Nothing is tied to it.</p>`;
  const drawn = layout(name, picture);
  const what = drawn.nodes.every(({ node }) => node.kind === 'unit')
    ? 'units'
    : 'components and units';
  const sum = `${drawn.nodes.length} ${what} and ${drawn.edges.length} ties. What needs it stands above, what it needs below. The table below has the same.`;
  const { width, height } = drawn;
  // A group, not an image: its links are to be reached.
  return html`<figure>
<div class="wide" role="region" tabindex="0" aria-label="Picture of dependencies">
<svg class="graph columns-${drawn.columns}" viewBox="${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}" role="group" aria-labelledby="graph-title graph-text">
<title id="graph-title">Dependencies of ${name}</title>
<desc id="graph-text">${sum}</desc>
${edgePaths(drawn)}${drawn.nodes.map(nodeBox)}</svg>
</div>
<figcaption><span class="key">above: needs it</span> <span class="key">below: is needed</span> <span class="key"><svg viewBox="0 0 24 6" width="24" height="6" aria-hidden="true"><path class="tie hard" d="M0 3h24"/></svg> cannot run without</span> <span class="key"><svg viewBox="0 0 24 6" width="24" height="6" aria-hidden="true"><path class="tie" d="M0 3h24"/></svg> would like to have</span>${
    drawn.leftOut > 0 &&
    html` <span class="key">${drawn.leftOut} more ${what} are not drawn.</span>`
  }</figcaption>
</figure>
${edgeTable(name, picture)}`;
}

function edgePaths({ edges }: Layout): readonly Html[] {
  return edges.map(({ a, b, kind, hard }) => {
    const isDown = a.y <= b.y;
    const x1 = a.x + box.width / 2;
    const x2 = b.x + box.width / 2;
    const y1 = isDown ? a.y + box.height : a.y;
    const y2 = isDown ? b.y : b.y + box.height;
    const bend = (isDown ? 1 : -1) * Math.max(14, Math.abs(y2 - y1) / 2);
    const d = `M${round(x1)} ${y1}C${round(x1)} ${round(y1 + bend)} ${round(x2)} ${round(y2 - bend)} ${round(x2)} ${y2}`;
    return html`<path class="tie${hard && html` hard`}" d="${d}"><title>${a.node.name} → ${b.node.name}: ${kind}</title></path>
`;
  });
}

function nodeBox({ node, x, y, isRoot }: Placed): Html {
  const { tone, sign, word } = lookOf(node);
  const shown = fit(printable(node.name), lettersMax);
  // A label must hold what is to be seen, for those who speak to their browser (WCAG 2.5.3).
  const whole = shown === printable(node.name) ? shown : `${shown} (${node.name})`;
  const drawn = html`<g class="node ${tone}${isRoot && html` root`}"><title>${node.name}, ${word}</title>
<rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="8"/>
<text class="sign" x="${x + 12}" y="${y + 22}">${sign}</text><text x="${x + 30}" y="${y + 22}">${shown}</text></g>`;
  return node.kind === 'elsewhere'
    ? html`${drawn}
`
    : html`<a href="${servicePath(node.name)}" aria-label="${whole}, ${word}">${drawn}</a>
`;
}

function edgeTable(name: string, { nodes, edges }: DependencyPicture): Html {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const shown = (other: string): Html => {
    const node = byName.get(other);
    if (node === undefined) return serviceLink(other);
    const link = node.kind === 'elsewhere' ? html`${other}` : serviceLink(other);
    return html`${link} <span class="quiet">${lookOf(node).word}</span>`;
  };
  const rows = edges
    .slice(0, edgesMax)
    .map(({ from, to, kind, hard }) => [
      shown(from),
      html`<span class="quiet">needs</span> ${shown(to)}`,
      html`${kind}${hard && html`, cannot run without`}`,
    ]);
  const more = edges.length - edgesMax;
  return html`<details${edges.length <= openMax && html` open`}><summary>Dependencies as a table</summary>
${plainTable(`Dependencies around ${name}`, ['Name', 'Needs', 'How'], rows)}${more > 0 && html`<p class="quiet">${more} more: see unitwatch graph.</p>`}</details>
`;
}
