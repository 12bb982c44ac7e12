/** Decides whether a name matches. */
export type Matcher = (name: string) => boolean;

/**
 * One pattern of a list: a glob (`*`, `?`, `[a-c]`, `[!a-c]`; `*` also crosses dots and slashes,
 * as in systemctl), or a regular expression between slashes, searched unless anchored.
 * @throws SyntaxError where the expression between the slashes is not valid
 */
export function matcher(pattern: string): Matcher {
  if (pattern.length > 1 && pattern.startsWith('/') && pattern.endsWith('/')) {
    const expression = new RegExp(pattern.slice(1, -1), 'u');
    return (name) => expression.test(name);
  }
  if (!isGlob(pattern)) return (name) => name === pattern;
  return (name) => globMatches(pattern, name);
}

/** It can stand for more than one name. */
export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern) || (pattern.length > 1 && /^\/.*\/$/.test(pattern));
}

/**
 * Two pointers and one point to come back to: linear in the name for each star, so that a pattern
 * out of a configuration cannot make the agent hang, as a regular expression made of it could.
 */
function globMatches(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  let starG = -1;
  let starN = 0;
  while (n < name.length) {
    const end = g < glob.length ? matchOne(glob, g, name[n] as string) : 0;
    if (glob[g] === '*') {
      starG = g++;
      starN = n;
    } else if (end > 0) {
      g = end;
      n++;
    } else if (starG >= 0) {
      g = starG + 1;
      n = ++starN;
    } else {
      return false;
    }
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** Index after the glob's element at `g` when it matches `char`; 0 when it does not. */
function matchOne(glob: string, g: number, char: string): number {
  const element = glob[g];
  if (element === '?') return g + 1;
  if (element !== '[') return element === char ? g + 1 : 0;
  const negated = glob[g + 1] === '!' || glob[g + 1] === '^';
  const first = negated ? g + 2 : g + 1;
  const close = glob.indexOf(']', first + 1);
  if (close < 0) return char === '[' ? g + 1 : 0;
  return inClass(glob.slice(first, close), char) !== negated ? close + 1 : 0;
}

function inClass(members: string, char: string): boolean {
  for (let i = 0; i < members.length; i++) {
    const from = members[i] as string;
    const isRange = members[i + 1] === '-' && i + 2 < members.length;
    const to = isRange ? (members[i + 2] as string) : from;
    if (char >= from && char <= to) return true;
    if (isRange) i += 2;
  }
  return false;
}
