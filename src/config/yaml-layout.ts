import type { ParsedNode } from 'yaml';
import { compose } from './yaml.ts';

/** Where a value stands in a text of YAML; offsets count UTF-16 units. */
export interface Place {
  /** `block`: a section by indentation, `flow`: one in `{}`, `folded`: text behind `|` or `>`. */
  readonly shape: 'block' | 'flow' | 'scalar' | 'folded' | 'list' | 'nothing';
  readonly start: number;
  /** Behind its last character; of folded text behind its last line. */
  readonly end: number;
  /** Of a section. */
  readonly entries: readonly PlacedEntry[];
}

/** One `name: value` of a section. */
export interface PlacedEntry {
  readonly name: string;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: Place;
}

/** Where everything stands in a text. */
export interface Layout {
  /** What is outermost. */
  readonly root: Place;
  /** Where the document ends: at `...`, or with the text. */
  readonly end: number;
}

type Yaml = typeof import('yaml');

/** The places of a text that `parseYaml` reads without a fault. */
export async function layoutOf(text: string): Promise<Layout> {
  const yaml = await import('yaml');
  const { doc } = compose(yaml, text);
  const contents = doc?.contents;
  const root = contents ? placeOf(yaml, contents) : nothing(text.length);
  const from = Math.max(root.end, doc?.range[0] ?? 0);
  const mark = /^\.\.\.(?:\s|$)/m.exec(text.slice(from));
  return { root, end: mark ? from + mark.index : text.length };
}

function nothing(offset: number): Place {
  return { shape: 'nothing', start: offset, end: offset, entries: [] };
}

function placeOf(yaml: Yaml, node: ParsedNode): Place {
  const [start, end] = node.range;
  if (yaml.isMap(node)) {
    const entries = node.items.map(({ key, value }): PlacedEntry => {
      const [keyStart, keyEnd] = key.range;
      const name = yaml.isScalar(key) ? key.source : '';
      return { name, keyStart, keyEnd, value: value ? placeOf(yaml, value) : nothing(keyEnd) };
    });
    if (node.flow) return { shape: 'flow', start, end, entries };
    // The parser counts the comments below a section in.
    return { shape: 'block', start, end: entries.at(-1)?.value.end ?? end, entries };
  }
  if (yaml.isSeq(node)) {
    const last = node.items.at(-1);
    return { shape: 'list', start, end: node.flow || !last ? end : endOf(yaml, last), entries: [] };
  }
  if (!yaml.isScalar(node) || start === end) return nothing(start);
  const isFolded = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  return { shape: isFolded ? 'folded' : 'scalar', start, end, entries: [] };
}

function endOf(yaml: Yaml, node: ParsedNode): number {
  return placeOf(yaml, node).end;
}
