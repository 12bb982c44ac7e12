import { fieldsOf, formatText, formatValue } from './format.ts';
import { isCollection, isKey, type Key, type KeyTable } from './key.ts';

/**
 * The lines of a map, a list or a record that stand below their key, each with its line end. A
 * secret is a comment: what it is called stands there, and not what it is.
 */
export function blockLines(
  node: Key | KeyTable,
  value: unknown,
  indent: string,
): readonly string[] {
  if (isKey(node) && isCollection(node)) {
    if (value instanceof Map) {
      return [...value].flatMap(([name, one]) =>
        fieldLines(formatText(name), node.of, one, indent),
      );
    }
    const items = Array.isArray(value) ? value : [];
    return items.flatMap((item) => itemLines(node.of, item, indent));
  }
  return isKey(node)
    ? []
    : fieldsOf(node, value).flatMap(([name, key, one]) => fieldLines(name, key, one, indent));
}

function fieldLines(
  name: string,
  node: Key | KeyTable,
  value: unknown,
  indent: string,
): readonly string[] {
  const lines = isFlat(node) ? [] : blockLines(node, value, `${indent}  `);
  if (lines.length > 0) return [`${indent}${name}:\n`, ...lines];
  const comment = isKey(node) && node.type === 'secret' ? '# ' : '';
  return [`${indent}${comment}${name}: ${isKey(node) ? formatValue(node, value) : '{}'}\n`];
}

function itemLines(node: Key | KeyTable, value: unknown, indent: string): readonly string[] {
  const [first, ...rest] = isFlat(node) ? [] : blockLines(node, value, `${indent}  `);
  if (first !== undefined) return [`${indent}- ${first.trimStart()}`, ...rest];
  return [`${indent}- ${isKey(node) ? formatValue(node, value) : '{}'}\n`];
}

/** It fits behind its name: a value, a list of values. */
function isFlat(node: Key | KeyTable): boolean {
  if (!isKey(node)) return false;
  return (
    !isCollection(node) || (node.type === 'list-of' && isKey(node.of) && !isCollection(node.of))
  );
}
