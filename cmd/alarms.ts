import { join } from 'node:path';
import type { Config } from '../src/config/keys.ts';
import { loadConfig } from '../src/config/load.ts';
import { shown } from '../src/config/shown.ts';
import { SourceError } from '../src/restart/contract.ts';
import { readName } from '../src/restart/sources/name.ts';
import type { AlarmAdmin } from '../src/restart/sources/table.ts';
import type { CommandIo } from './io.ts';
import { parseOptions } from './options.ts';

const help = `Usage: unitwatch alarms init [--config FILE]
       unitwatch alarms list [--config FILE] [--json]
       unitwatch alarms raise NAME [--config FILE] [--json]
       unitwatch alarms clear NAME [--config FILE] [--json]

Alarms in the database that the configuration names (database.driver).

init    create the tables STATUS_PROCESS and PROCESE where they are missing
list    print the processes whose alarm is raised
raise   raise the alarm of a process; one that is not known is entered
clear   clear it

  --config FILE  read this file instead of /etc/unitwatch/unitwatch.yaml
                 (or of the one that UNITWATCH_CONFIG names)
  --json         print JSON
  --help         print this text

Exit status: 0, 1 where it did not work or there is no such process,
2 where the configuration or the command line is wrong.
`;

const verbs = ['init', 'list', 'raise', 'clear'] as const;

interface Asked {
  readonly verb: (typeof verbs)[number] | 'help';
  readonly name: string;
  readonly file: string | undefined;
  readonly json: boolean;
}

/** `unitwatch alarms ...`. @returns the exit status */
export async function alarms(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if ('wrong' in asked) {
    io.stderr.write(`unitwatch alarms: ${asked.wrong}\nTry: unitwatch alarms --help\n`);
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
  const admin = await adminOf(loaded.config);
  if (admin === undefined) {
    io.stderr.write(
      'unitwatch alarms: no database is configured: set database.driver to mysql or sqlite.\n',
    );
    return 2;
  }
  try {
    return await perform(asked, admin, io);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    io.stderr.write(`unitwatch alarms: ${error.message}\n`);
    return 1;
  } finally {
    await admin.close();
  }
}

async function adminOf({ database, state_directory }: Config): Promise<AlarmAdmin | undefined> {
  const { driver } = database;
  if (driver === 'mysql') {
    return (await import('../src/restart/sources/mysql-admin.ts')).mysqlAdmin(database);
  }
  if (driver === 'off') return undefined;
  const path = database.path ?? join(state_directory, 'alarms.sqlite');
  return (await import('../src/restart/sources/sqlite-admin.ts')).sqliteAdmin({
    ...database,
    path,
  });
}

function parse(argv: readonly string[]): Asked | { readonly wrong: string } {
  const said = parseOptions(argv, {
    config: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  const { config: file, json, help } = said.values;
  if (help) return { verb: 'help', name: '', file, json };
  return choose(said.positionals, file, json);
}

function choose(
  [given, name, ...more]: readonly string[],
  file: string | undefined,
  json: boolean,
): Asked | { readonly wrong: string } {
  const verb = verbs.find((one) => one === given);
  if (verb === undefined) {
    return {
      wrong: `init, list, raise or clear? (got ${given === undefined ? 'none' : shown(given)})`,
    };
  }
  const takesName = verb === 'raise' || verb === 'clear';
  if (takesName !== (name !== undefined) || more.length > 0) {
    return { wrong: takesName ? `${verb} takes one name` : `${verb} takes no name` };
  }
  const fault = takesName ? readName(Buffer.from(name ?? '')).fault : undefined;
  if (fault !== undefined) return { wrong: `no process can be called so: ${fault}` };
  return { verb, name: name ?? '', file, json };
}

async function perform(asked: Asked, admin: AlarmAdmin, io: CommandIo): Promise<number> {
  const { verb, name, json } = asked;
  const say = (text: string, data: unknown): number => {
    io.stdout.write(json ? `${JSON.stringify(data)}\n` : `${text}\n`);
    return 0;
  };
  switch (verb) {
    case 'init':
      await admin.init();
      return say('The tables are there.', { done: 'init' });
    case 'raise': {
      const ids = await admin.raise(name);
      return say(`The alarm of ${shown(name)} is raised.`, { done: 'raise', process: name, ids });
    }
    case 'clear': {
      const { ids, cleared } = await admin.clear(name);
      if (ids.length === 0) {
        io.stderr.write(`unitwatch alarms: PROCESE has no process ${shown(name)}.\n`);
        return 1;
      }
      const was = cleared > 0 ? 'is cleared' : 'was not raised';
      return say(`The alarm of ${shown(name)} ${was}.`, {
        ...{ done: 'clear', process: name, ids, cleared },
      });
    }
    default:
      return list(admin, io, json);
  }
}

async function list(admin: AlarmAdmin, io: CommandIo, json: boolean): Promise<number> {
  const rows = await admin.list();
  if (json) io.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
  else if (rows.length === 0) io.stdout.write('No alarm is raised.\n');
  for (const row of json ? [] : rows) {
    const silent = row.in_alarm ? '' : `  (sound = ${shown(row.sound || 'NULL')}: not repaired)`;
    const note = row.notes.split('\n')[0] ?? '';
    const last = note === '' ? '' : `  ${shown(note, 120)}`;
    io.stdout.write(`${row.process_id.padStart(6)}  ${shown(row.process)}${silent}${last}\n`);
  }
  return 0;
}
