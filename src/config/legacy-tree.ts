import { formatText } from './format.ts';
import type { Legacy, LegacyValue } from './legacy.ts';
import type { Entry, Raw } from './raw.ts';
import { shown } from './shown.ts';
import { segment } from './text.ts';
import type { Parsed } from './yaml.ts';

/** A section or a value on its way to becoming YAML. */
interface Branch {
  readonly name: string;
  readonly offset: number;
  comments: readonly string[];
  raw: Raw | undefined;
  readonly below: Map<string, Branch>;
}

function grow(values: readonly LegacyValue[]): Branch {
  const root: Branch = { name: '', offset: 0, comments: [], raw: undefined, below: new Map() };
  for (const { path, raw, offset, comments } of values) {
    let at = root;
    for (const name of path) {
      const next = at.below.get(name) ?? {
        name,
        offset,
        comments: [],
        raw: undefined,
        below: new Map(),
      };
      at.below.set(name, next);
      at = next;
    }
    at.comments = [...at.comments, ...comments];
    if (raw.kind !== 'section') at.raw = raw;
  }
  return root;
}

/** An old `config.ini` as our own configuration would have it, for reading. */
export function legacyTree(legacy: Legacy): Parsed {
  const names = new Map(
    legacy.values
      .filter(({ said }) => said !== '')
      .map(({ path, said }) => [pathText(path), shown(said, 300)]),
  );
  const { faults, notes } = legacy;
  return { root: rawOfBranch(grow(legacy.values)), faults, names, notes };
}

/** The path as faults have it: the names of processes may be any text. */
function pathText(path: readonly string[]): string {
  return path.map((name, i) => (i < 2 ? `${i === 0 ? '' : '.'}${name}` : segment(name))).join('');
}

function rawOfBranch({ below, raw, offset }: Branch): Raw {
  if (raw) return raw;
  const entries = [...below.values()].map(
    (branch): Entry => ({
      name: branch.name,
      nameOffset: branch.offset,
      value: rawOfBranch(branch),
    }),
  );
  return { kind: 'section', entries, offset };
}

/** The same as a file in YAML, with its comments. */
export function legacyYaml(legacy: Legacy): string {
  const notes = legacy.notes.map((note) => comment(note, ''));
  const end = legacy.comments.map((text) => comment(text, ''));
  const body = [...grow(legacy.values).below.values()].map((branch) => yamlOf(branch, ''));
  const parts = [notes.join(''), ...body, end.join('')].filter((part) => part !== '');
  return parts.join('\n');
}

function comment(text: string, indent: string): string {
  return text === '' ? '' : `${indent}# ${text}\n`;
}

function yamlOf(branch: Branch, indent: string): string {
  const above = branch.comments.map((text) => comment(text, indent)).join('');
  const name = `${indent}${formatText(branch.name)}:`;
  if (branch.raw) return `${above}${name} ${valueText(branch.raw)}\n`;
  if (branch.below.size === 0) return `${above}${name} {}\n`;
  const inner = [...branch.below.values()].map((one) => yamlOf(one, `${indent}  `));
  return `${above}${name}\n${inner.join('')}`;
}

function valueText(raw: Raw): string {
  switch (raw.kind) {
    case 'text':
      return formatText(raw.text);
    case 'number':
      return raw.text;
    case 'boolean':
      return String(raw.value);
    default:
      return '~';
  }
}
