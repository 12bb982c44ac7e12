import { loadConfig } from '../src/config/load.ts';
import { shown } from '../src/config/shown.ts';
import type { ServicesAsked } from './config-services.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions, unexpected } from './options.ts';

const help = `Usage: unitwatch config check [FILE]
       unitwatch config show [--yaml | --json]
       unitwatch config import FILE [--output FILE]
       unitwatch config create POSTGRES-URL [--yes]
       unitwatch config services show [--numbered] [--json]
       unitwatch config services add URL [METHOD] [--name NAME] [--regex REGEX]
                 [--check-regex] [--interval SECONDS] [--timeout SECONDS]
       unitwatch config services update NUMBER [--regex REGEX]
                 [--toggle-check-regex] [--interval SECONDS] [--timeout SECONDS]
       unitwatch config services remove NUMBER

check     read the configuration and say everything that is wrong with it
show      print the configuration in effect as a table, and where each value
          comes from; secrets are hidden
import    write an old config.ini as YAML, with its comments
create    write a configuration that forwards results and events to a
          PostgreSQL, such as postgres://user:password@host:5432/database; a
          file that is there keeps everything else. With - the URL is read
          from standard input, where ps does not show it
services  the TCP and HTTP services that are checked: list them, add an HTTP
          service, change or remove one by its number. The file keeps its
          comments and its order; a faulty edit leaves it as it was

  --config-path FILE, --config FILE
                        read and edit this file instead of
                        /etc/unitwatch/unitwatch.yaml (or of the one that
                        UNITWATCH_CONFIG names); of somebody who is not root,
                        ~/.unitwatch/unitwatch.yaml
  --yaml                print YAML that says the same
  --json                print JSON
  --output FILE         write a new file that nobody else may read, instead of
                        to standard output
  --yes                 ask nothing: another PostgreSQL in the file is replaced
  --numbered            with the numbers that update and remove take
  --name NAME           what the service is called (its host and path)
  --regex REGEX         regular expression for the body of the answer
  --check-regex         it must be found there
  --toggle-check-regex  it must no longer be found there, or must again
  --interval SECONDS    how often it is asked, 5 to 300 (5)
  --timeout SECONDS     how long the whole answer may take, 1 to 300 (15)
  --help                print this text

Exit status: 0; 1 where the answer to a question was no; 2 where the
configuration or the command line is wrong.
`;

const options = {
  config: { type: 'string' },
  'config-path': { type: 'string' },
  json: { type: 'boolean' },
  yaml: { type: 'boolean' },
  output: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  name: { type: 'string' },
  regex: { type: 'string' },
  'check-regex': { type: 'boolean' },
  'toggle-check-regex': { type: 'boolean' },
  interval: { type: 'string' },
  timeout: { type: 'string' },
  numbered: { type: 'boolean', short: 'n' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The words that each takes, those in brackets if they are there, and its options. */
const verbs: Readonly<
  Record<string, { readonly words: readonly string[]; readonly options?: readonly string[] }>
> = {
  check: { words: ['[FILE]'] },
  show: { words: [], options: ['json', 'yaml'] },
  import: { words: ['FILE'], options: ['output'] },
  create: { words: ['POSTGRES-URL'], options: ['yes'] },
  'services show': { words: [], options: ['numbered', 'json'] },
  'services add': {
    words: ['URL', '[METHOD]'],
    options: ['name', 'regex', 'check-regex', 'interval', 'timeout'],
  },
  'services update': {
    words: ['NUMBER'],
    options: ['regex', 'toggle-check-regex', 'interval', 'timeout'],
  },
  'services remove': { words: ['NUMBER'] },
};

/** `unitwatch config ...`. @returns the exit status */
export async function config(argv: readonly string[], io: CommandIo): Promise<number> {
  const said = parseOptions(argv, options);
  if ('wrong' in said) return askedWrongly('config', said.wrong, io);
  if (said.values.help) {
    io.stdout.write(help);
    return 0;
  }
  const asked = choose(said.values, said.positionals);
  if ('wrong' in asked) return askedWrongly('config', asked.wrong, io);
  return perform(asked, io);
}

type Values = Exclude<ReturnType<typeof parseOptions<typeof options>>, { wrong: string }>['values'];

interface Asked {
  readonly verb: string;
  readonly words: readonly string[];
  readonly values: Values;
  readonly file: string | undefined;
}

async function perform({ verb, words, values, file }: Asked, io: CommandIo): Promise<number> {
  const [first = '', second] = words;
  switch (verb) {
    case 'import':
      return (await import('./config-import.ts')).importFile(file ?? '', values.output, io);
    case 'create': {
      const { createConfig } = await import('./config-create.ts');
      return createConfig({ url: first, yes: values.yes ?? false }, file, io);
    }
    case 'check':
    case 'show':
      return look(verb, values, file, io);
    default: {
      const { configServices } = await import('./config-services.ts');
      return configServices(servicesAsked(verb, first, second, values), file, io);
    }
  }
}

async function look(
  verb: 'check' | 'show',
  { json, yaml }: Values,
  file: string | undefined,
  io: CommandIo,
): Promise<number> {
  const loaded = await loadConfig({ file, env: io.env });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  if (verb === 'show') {
    const { showConfig } = await import('./config-show.ts');
    showConfig(loaded, json ? 'json' : yaml ? 'yaml' : 'table', io);
    return 0;
  }
  const name = loaded.file === undefined ? undefined : shown(loaded.file, 300);
  for (const note of loaded.notes) io.stderr.write(`${name}: ${note}\n`);
  io.stdout.write(`${name ?? 'no configuration file, defaults'}: valid\n`);
  return 0;
}

function choose(
  values: Values,
  positionals: readonly string[],
): Asked | { readonly wrong: string } {
  const { config: named, 'config-path': path } = values;
  const found = verbOf(positionals);
  if ('wrong' in found) return found;
  const { verb, words } = found;
  const wrong = optionFault(verb, values) ?? wordsFault(verb, words);
  if (wrong !== undefined) return { wrong };
  const isFile = verb === 'check' || verb === 'import';
  const files = [named, path, isFile ? words[0] : undefined].filter((one) => one !== undefined);
  if (files.length > 1) return { wrong: 'one file at a time' };
  if (verb === 'import' && files.length === 0) return { wrong: 'import which FILE?' };
  return { verb, words, values, file: files[0] };
}

function verbOf(
  positionals: readonly string[],
): { readonly verb: string; readonly words: readonly string[] } | { readonly wrong: string } {
  const [first = 'none', second = 'none', ...rest] = positionals;
  if (first !== 'services') {
    if (Object.hasOwn(verbs, first)) return { verb: first, words: positionals.slice(1) };
    return { wrong: `check, show, import, create or services? (got ${shown(first)})` };
  }
  const verb = `services ${second}`;
  if (Object.hasOwn(verbs, verb)) return { verb, words: rest };
  return { wrong: `services show, add, update or remove? (got ${shown(second)})` };
}

function optionFault(verb: string, values: Values): string | undefined {
  const allowed = ['config', 'config-path', ...(verbs[verb]?.options ?? [])];
  const strange = Object.keys(values).find((name) => !allowed.includes(name));
  if (strange !== undefined) return `${verb} has no --${strange}`;
  return values.json && values.yaml ? 'YAML or JSON, not both' : undefined;
}

function wordsFault(verb: string, words: readonly string[]): string | undefined {
  const wanted = verbs[verb]?.words ?? [];
  const least = wanted.filter((word) => !word.startsWith('[')).length;
  const extra = words[wanted.length];
  if (verb === 'show' && extra !== undefined) return 'show takes no file; write --config FILE';
  if (verb === 'check' && extra !== undefined) return 'one file at a time';
  if (extra !== undefined) return unexpected(extra);
  // The file to import may be named by the option as well.
  if (words.length >= least || verb === 'import') return undefined;
  return `${verb} takes ${wanted.join(' ')}`;
}

function servicesAsked(
  verb: string,
  first: string,
  second: string | undefined,
  values: Values,
): ServicesAsked {
  const { regex, interval, timeout, numbered = false, json = false } = values;
  const common = { regex, interval, timeout };
  switch (verb) {
    case 'services add': {
      const { name, 'check-regex': checkRegex = false } = values;
      return { ...common, verb: 'add', url: first, method: second ?? 'GET', checkRegex, name };
    }
    case 'services update': {
      const toggleCheckRegex = values['toggle-check-regex'] ?? false;
      return { ...common, verb: 'update', number: first, toggleCheckRegex };
    }
    case 'services remove':
      return { verb: 'remove', number: first };
    default:
      return { verb: 'show', numbered, json };
  }
}
