/** Searches one text. */
export interface TextTest {
  /** Tests take time worth measuring. */
  readonly measured: boolean;
  test(text: string): boolean;
}

/** A regex that cannot be used, and why. */
export interface RegexFault {
  readonly fault: string;
}

/** Longer ones are nobody's handwriting. */
const sourceMax = 1_000;
/**
 * A plain search takes (length of the text) × (length of the regex) steps at the worst: with this
 * one, some 10 ms on an argument of 128 KiB.
 */
const plainMax = 200;
/**
 * Instructions of the compiled program. A text is searched in (its length) × (this) steps at the
 * worst; measured, 128 KiB take less than 100 ms.
 */
const programMax = 1_000;

/**
 * Compiles a regex in such a way that no text makes it run for ever. What is only text, `.`, `^` in
 * front and `$` at the end runs on V8's engine, where nothing of it can backtrack. Everything else
 * runs on RE2's algorithm, in time linear in the text; its package is loaded when the first one
 * comes. Look-ahead and back-references need backtracking: they are refused, by name.
 */
export async function compileRegex(source: string): Promise<TextTest | RegexFault> {
  if (source.length > sourceMax) {
    return { fault: `the regex has ${source.length} characters; ${sourceMax} are the most` };
  }
  const forV8 = source.length <= plainMax ? plainSource(source) : undefined;
  if (forV8 !== undefined) {
    const regex = new RegExp(forV8, 'u');
    return { measured: false, test: (text) => regex.test(text) };
  }
  const { RE2JS } = await import('re2js');
  const refused = /\(\?=|\(\?!|\\[1-9]|\\k</.exec(source);
  try {
    const flags = /\(\?<[=!]/.test(source) ? RE2JS.LOOKBEHINDS : 0;
    const regex = RE2JS.compile(source, flags);
    const size = regex.programSize();
    if (size > programMax) return { fault: `the regex ${quote(source)} repeats too much` };
    return { measured: true, test: (text) => regex.test(text) };
  } catch (cause) {
    if (refused) {
      return {
        fault: `the regex ${quote(source)} uses ${quote(refused[0])}: look-ahead and back-references can run for ever and are not supported`,
      };
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { fault: `the regex ${quote(source)} cannot be read: ${reason}` };
  }
}

/** As it stands in a message. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** Text, escaped punctuation, `.`, `^` in front, `$` at the end. */
const plain = /^\^?(?:\\[^A-Za-z0-9]|[^\\^$*+?()[\]{}|])*\$?$/su;

/**
 * The same search for V8, where the source is plain; else undefined. `.` is everything but a newline,
 * as for RE2 (V8 leaves out three more).
 */
function plainSource(source: string): string | undefined {
  if (!plain.test(source)) return undefined;
  return source.replace(/\\(.)|\./gsu, (_, escaped?: string) =>
    escaped === undefined ? '[^\\n]' : escapeRegex(escaped),
  );
}

/** The regex that finds exactly this text. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

const variable = /\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}/g;

/** Names of the variables in a regex: `${host.ip}` is `host.ip`. */
export function variablesOf(regex: string): readonly string[] {
  return [...regex.matchAll(variable)].map(([, name = '']) => name);
}

/**
 * Puts the values in, each as text. A variable with several values (a machine with several
 * addresses) makes several regexes: one of them has to be found.
 * @returns nothing where a variable has no value
 */
export function fillIn(
  regex: string,
  values: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  let filled = [regex];
  for (const name of new Set(variablesOf(regex))) {
    const texts = (values.get(name) ?? []).map(escapeInClass);
    filled = filled.flatMap((text) =>
      texts.map((value) => text.replaceAll(`\${${name}}`, () => value)),
    );
  }
  return filled;
}

/** Inside [...] a hyphen is no text either. */
function escapeInClass(text: string): string {
  return escapeRegex(text).replaceAll('-', '\\-');
}
