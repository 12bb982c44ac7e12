import type { ParsedNode, Document as YamlDocument } from 'yaml';
import type { Entry, Raw } from './raw.ts';
import { shown } from './shown.ts';

/** Sections, lists and their entries inside each other; the keys need seven. The parser recurses. */
const MAX_DEPTH = 32;
/** Words and marks of YAML: 300,000 are about 40,000 lines, and a second of parsing. */
const MAX_LEXEMES = 300_000;
/** Of one mistake the parser often reports many consequences. */
const MAX_SYNTAX_FAULTS = 5;

/** A fault and where it is: an offset into the text. */
export interface Located {
  readonly offset: number;
  readonly text: string;
}

export interface Parsed {
  /** Undefined where the text says nothing, or cannot be read. */
  readonly root: Raw | undefined;
  readonly faults: readonly Located[];
  /** What the file itself calls the key at a path, where that is something else. */
  readonly names?: ReadonlyMap<string, string>;
  /** What the user should know, one sentence each. */
  readonly notes?: readonly string[];
}

type Yaml = typeof import('yaml');
type Doc = YamlDocument.Parsed;

/**
 * Reads one YAML 1.2 document. What makes YAML surprising or dangerous is refused by name: several
 * documents, tags, anchors, aliases, merge keys, other versions, deep nesting, keys written twice.
 */
export async function parseYaml(text: string): Promise<Parsed> {
  // Loaded only here: without a configuration file the package costs neither time nor memory.
  const yaml = await import('yaml');
  const nul = text.indexOf('\0');
  if (nul >= 0) return refused({ offset: nul, text: 'a NUL byte: is this a text file?' });
  const { doc, second, excess } = compose(yaml, text);
  if (excess) return refused(excess);
  const faults = syntaxFaults(doc, second);
  if (faults.length > 0 || !doc) return { root: undefined, faults };
  const found: Located[] = [];
  const root = doc.contents ? nodeOf(yaml, doc.contents, found) : undefined;
  return { root, faults: found };
}

function refused(fault: Located): Parsed {
  return { root: undefined, faults: [fault] };
}

/** What became of a text: a document, or why there is none. */
export interface Composed {
  readonly doc?: Doc;
  /** Offset of a second document. */
  readonly second?: number;
  readonly excess?: Located;
}

/**
 * The parser keeps a stack of its own, the composer recurses: depth is watched in the first, so that
 * the second never meets a text that would exhaust the stack (V8 then may end the whole process).
 */
export function compose(yaml: Yaml, text: string): Composed {
  const parser = new yaml.Parser();
  const tokens = [];
  let lexemes = 0;
  let offset = 0;
  for (const lexeme of new yaml.Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    offset = parser.offset;
    if (parser.stack.length > MAX_DEPTH) {
      return { excess: { offset, text: `nested more than ${MAX_DEPTH} levels deep` } };
    }
    if (++lexemes > MAX_LEXEMES) {
      return { excess: { offset, text: 'too much for a configuration file' } };
    }
  }
  tokens.push(...parser.end());
  const composer = new yaml.Composer({ version: '1.2', schema: 'core', uniqueKeys: false });
  let doc: Doc | undefined;
  for (const next of composer.compose(tokens, true, text.length)) {
    if (doc) return { doc, second: next.range[0] };
    doc = next;
  }
  return doc ? { doc } : {};
}

function syntaxFaults(doc: Doc | undefined, second: number | undefined): readonly Located[] {
  const faults: Located[] = [];
  const directive = doc?.directives.yaml;
  if (directive?.explicit && directive.version !== '1.2') {
    faults.push({
      offset: 0,
      text: `YAML ${shown(directive.version)} is not read; remove the %YAML line`,
    });
  }
  for (const error of doc?.errors ?? []) {
    if (faults.length >= MAX_SYNTAX_FAULTS) break;
    const offset = error.pos[0];
    if (faults.at(-1)?.offset === offset) continue;
    faults.push({ offset, text: `YAML: ${shown(error.message, 200)}` });
  }
  if (second !== undefined) {
    faults.push({ offset: second, text: 'a second YAML document (after ---): only one is read' });
  }
  return faults;
}

/** Undefined, and a fault, for what is refused. */
function nodeOf(yaml: Yaml, node: ParsedNode, faults: Located[]): Raw | undefined {
  const offset = node.range[0];
  const trick = trickOf(yaml, node);
  if (trick !== undefined) {
    faults.push({ offset, text: trick });
    return undefined;
  }
  if (yaml.isMap(node)) {
    return { kind: 'section', entries: entriesOf(yaml, node, faults), offset };
  }
  if (yaml.isSeq(node)) {
    const items = node.items.map((item) => nodeOf(yaml, item, faults));
    const kept = items.filter((item) => item !== undefined);
    return { kind: 'list', items: kept, offset };
  }
  return yaml.isScalar(node) ? rawOf(node, offset) : nothing(offset);
}

function trickOf(yaml: Yaml, node: ParsedNode): string | undefined {
  if (yaml.isAlias(node)) return `the alias *${shown(node.source)}: write the value itself`;
  if (node.anchor !== undefined) return `the anchor &${shown(node.anchor)}: write the value itself`;
  if (node.tag !== undefined) return `the tag ${shown(node.tag)}: write the value without it`;
  return undefined;
}

type MapNode = Extract<ParsedNode, { items: { key: unknown }[] }>;
type ScalarNode = Extract<ParsedNode, { source: string; value: unknown }>;

function entriesOf(yaml: Yaml, map: MapNode, faults: Located[]): readonly Entry[] {
  const entries = new Map<string, Entry>();
  for (const { key, value } of map.items) {
    const nameOffset = key.range[0];
    const name = yaml.isScalar(key) ? key.source : '';
    const fault = trickOf(yaml, key) ?? nameFault(yaml, key, entries.has(name));
    if (fault !== undefined) faults.push({ offset: nameOffset, text: fault });
    const node = value ? nodeOf(yaml, value, faults) : nothing(nameOffset);
    if (fault === undefined && node) entries.set(name, { name, nameOffset, value: node });
  }
  return [...entries.values()];
}

function nameFault(yaml: Yaml, key: ParsedNode, again: boolean): string | undefined {
  if (!yaml.isScalar(key)) return 'a key must be a name';
  if (key.source === '<<') return 'the merge key <<: write the keys themselves';
  return again ? `${shown(key.source)}: stands here for the second time` : undefined;
}

function nothing(offset: number): Raw {
  return { kind: 'nothing', offset };
}

function rawOf(scalar: ScalarNode, offset: number): Raw {
  const { value, source } = scalar;
  if (value === null) return nothing(offset);
  if (typeof value === 'boolean') return { kind: 'boolean', value, offset };
  if (typeof value === 'number') return { kind: 'number', value, text: source, offset };
  return { kind: 'text', text: typeof value === 'string' ? value : source, offset };
}
