import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Override } from '../src/config/setting.ts';
import { shown } from '../src/config/shown.ts';
import type { CommandIo } from './io.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What a command line says: its options, and what stands beside them. */
export type Said<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: T }>
>;

/**
 * `--config-path` is `--config`, which the commands that edit the file have under both names: who
 * has one of these lines in a unit or a script may use it with every command.
 */
function oneName(argv: readonly string[], options: Options): string[] {
  if (!('config' in options) || 'config-path' in options) return [...argv];
  const end = argv.indexOf('--');
  return argv.map((word, at) =>
    end !== -1 && at > end ? word : word.replace(/^--config-path(?=$|=)/, '--config'),
  );
}

/** The options of a command line and its other words, or in one sentence what is wrong with it. */
export function parseOptions<const T extends Options>(
  argv: readonly string[],
  options: T,
): Said<T> | { readonly wrong: string } {
  try {
    return parseArgs({ args: oneName(argv, options), allowPositionals: true, options });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    return { wrong: shown(inOneSentence(error.message), 200) };
  }
}

/** Node.js takes three lines to say that the next word is an option itself. */
function inOneSentence(message: string): string {
  const flag = /^Option '(?:-\w, )?(--[\w-]+).* argument (?:is ambiguous|missing)/.exec(
    message,
  )?.[1];
  if (flag === undefined) return message.split(/\.\s/)[0] ?? '';
  return `Option '${flag}' needs a value; one that begins with - is given as ${flag}=-...`;
}

/** The sentence for a word that a command does not take. */
export function unexpected(word: string): string {
  return `Unexpected argument '${shown(word)}'`;
}

/** Options that stand for a key of the configuration, as far as they were given. */
export function overridesOf(
  given: readonly {
    readonly path: string;
    readonly flag: string;
    readonly text: string | undefined;
  }[],
): readonly Override[] {
  return given.filter((one): one is Override => one.text !== undefined);
}

/** Tells on standard error what was asked wrongly. @returns the exit status, 2 */
export function askedWrongly(command: string, wrong: string, { stderr }: CommandIo): number {
  stderr.write(`unitwatch ${command}: ${wrong}\nTry: unitwatch ${command} --help\n`);
  return 2;
}
