import { blockLines } from '../src/config/block.ts';
import { valueAt } from '../src/config/changes.ts';
import { formatValue, jsonValue } from '../src/config/format.ts';
import { isCollection, isKey, type KeyTable, keysOf } from '../src/config/key.ts';
import { type Config, keys } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Origins } from '../src/config/setting.ts';
import { shown } from '../src/config/shown.ts';
import { importFile } from './config-import.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions } from './options.ts';

const help = `Usage: unitwatch config check [FILE]
       unitwatch config show [--config FILE] [--json]
       unitwatch config import FILE [--output FILE]

check   read the configuration and say everything that is wrong with it
show    print the configuration in effect and where each value comes from;
        secrets are hidden
import  write an old config.ini as YAML, with its comments

  --config FILE  read this file instead of /etc/unitwatch/unitwatch.yaml
                 (or of the one that UNITWATCH_CONFIG names)
  --json         print JSON
  --output FILE  write a new file that nobody else may read, instead of to
                 standard output
  --help         print this text

Exit status: 0, or 2 where the configuration or the command line is wrong.
`;

/** `unitwatch config ...`. @returns the exit status */
export async function config(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) return askedWrongly('config', asked.wrong, io);
  if (asked.verb === 'help') {
    io.stdout.write(help);
    return 0;
  }
  if (asked.verb === 'import') return importFile(asked.file ?? '', asked.output, io);
  const loaded = await loadConfig({ file: asked.file, env: io.env });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  const file = loaded.file === undefined ? undefined : shown(loaded.file, 300);
  if (asked.verb === 'check') {
    for (const note of loaded.notes) io.stderr.write(`${file}: ${note}\n`);
    io.stdout.write(`${file ?? 'no configuration file, defaults'}: valid\n`);
  } else if (asked.json) {
    io.stdout.write(`${json(loaded.config, loaded.origins, loaded.file)}\n`);
  } else {
    io.stdout.write(`# ${file ?? 'no configuration file'}\n`);
    io.stdout.write(yaml(keys, loaded.config, loaded.origins).join(''));
  }
  return 0;
}

interface Asked {
  readonly verb: 'check' | 'show' | 'import' | 'help';
  readonly file?: string | undefined;
  readonly json?: boolean;
  readonly output?: string | undefined;
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  const said = parseOptions(argv, {
    config: { type: 'string' },
    json: { type: 'boolean', default: false },
    output: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  return said.values.help ? { verb: 'help' } : choose(said.values, said.positionals);
}

function isVerb(word: string | undefined): word is 'check' | 'show' | 'import' {
  return word === 'check' || word === 'show' || word === 'import';
}

interface Given {
  readonly config?: string | undefined;
  readonly json: boolean;
  readonly output?: string | undefined;
}

function choose(
  { config: named, json, output }: Given,
  [verb, file, ...more]: readonly string[],
): Asked | { readonly wrong: string } {
  if (!isVerb(verb)) return { wrong: `check, show or import? (got ${shown(verb ?? 'none')})` };
  if (json && verb !== 'show') return { wrong: `${verb} has no --json` };
  if (output !== undefined && verb !== 'import') return { wrong: `${verb} has no --output` };
  if (verb === 'show' && file !== undefined) {
    return { wrong: 'show takes no file; write --config FILE' };
  }
  if (more.length > 0 || (file !== undefined && named !== undefined)) {
    return { wrong: 'one file at a time' };
  }
  const chosen = file ?? named;
  if (verb === 'import' && chosen === undefined) return { wrong: 'import which FILE?' };
  return { verb, file: chosen, json, output };
}

/** A configuration file that says the same; what cannot stand in one is a comment. */
function yaml(
  table: KeyTable,
  from: Config,
  origins: Origins,
  prefix = '',
  indent = '',
): readonly string[] {
  return Object.entries(table).flatMap(([name, node]) => {
    const path = prefix + name;
    if (!isKey(node)) {
      return [`${indent}${name}:\n`, ...yaml(node, from, origins, `${path}.`, `${indent}  `)];
    }
    const value = valueAt(from, path);
    const lines = isCollection(node) ? blockLines(node, value, `${indent}  `) : [];
    if (lines.length > 0) {
      return [`${indent}${name}:  # ${originText(origins, path)}\n`, ...lines];
    }
    const text = formatValue(node, value);
    const comment = text === undefined || node.type === 'secret' ? '# ' : '';
    const said = text ?? node.default_doc ?? 'not set';
    return [`${indent}${comment}${name}: ${said}  # ${originText(origins, path)}\n`];
  });
}

function originText(origins: Origins, path: string): string {
  const origin = origins.get(path);
  return shown(origin?.where || origin?.source || '', 300);
}

function json(from: Config, origins: Origins, file: string | undefined): string {
  const settings = keysOf(keys).map(([path, key]) => ({
    key: path,
    value: jsonValue(key, valueAt(from, path)),
    source: origins.get(path)?.source,
    where: origins.get(path)?.where,
  }));
  return JSON.stringify({ file: file ?? null, settings }, undefined, 2);
}
