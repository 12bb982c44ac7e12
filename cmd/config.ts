import { parseArgs } from 'node:util';
import { blockLines } from '../src/config/block.ts';
import { valueAt } from '../src/config/changes.ts';
import { formatValue, jsonValue } from '../src/config/format.ts';
import { isCollection, isKey, type KeyTable, keysOf } from '../src/config/key.ts';
import { type Config, keys } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Origins } from '../src/config/setting.ts';
import { shown } from '../src/config/shown.ts';
import type { CommandIo } from './io.ts';

const help = `Usage: unitwatch config check [FILE]
       unitwatch config show [--config FILE] [--json]

check   read the configuration and say everything that is wrong with it
show    print the configuration in effect and where each value comes from;
        secrets are hidden

  --config FILE  read this file instead of /etc/unitwatch/unitwatch.yaml
                 (or of the one that UNITWATCH_CONFIG names)
  --json         print JSON
  --help         print this text

Exit status: 0, or 2 where the configuration or the command line is wrong.
`;

/** `unitwatch config ...`. @returns the exit status */
export async function config(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) {
    io.stderr.write(`unitwatch config: ${asked.wrong}\nTry: unitwatch config --help\n`);
    return 2;
  }
  if (asked.verb === 'help') {
    io.stdout.write(help);
    return 0;
  }
  const loaded = await loadConfig({ file: asked.file, env: io.env });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  const file = loaded.file === undefined ? undefined : shown(loaded.file, 300);
  if (asked.verb === 'check') {
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
  readonly verb: 'check' | 'show' | 'help';
  readonly file: string | undefined;
  readonly json: boolean;
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { verb: 'help', file: undefined, json: false };
    return choose(positionals, values.config, values.json);
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) {
      return { wrong: shown(error.message.split('. ')[0] ?? '', 200) };
    }
    throw error;
  }
}

function choose(
  [verb, file, ...more]: readonly string[],
  named: string | undefined,
  json: boolean,
): Asked | { readonly wrong: string } {
  if (verb !== 'check' && verb !== 'show') {
    return { wrong: `check or show? (got ${verb === undefined ? 'neither' : shown(verb)})` };
  }
  if (verb === 'check' && json) return { wrong: 'check has no --json' };
  if (verb === 'show' && file !== undefined) {
    return { wrong: 'show takes no file; write --config FILE' };
  }
  if (more.length > 0 || (file !== undefined && named !== undefined)) {
    return { wrong: 'one file at a time' };
  }
  return { verb, file: file ?? named, json };
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
