import { homedir } from 'node:os';
import { blockLines } from '../src/config/block.ts';
import { valueAt } from '../src/config/changes.ts';
import { shownPostgresUrl } from '../src/config/create.ts';
import { formatNode, formatValue, jsonValue } from '../src/config/format.ts';
import { isCollection, isKey, type Key, type KeyTable, keysOf } from '../src/config/key.ts';
import { type Config, keys } from '../src/config/keys.ts';
import { hidden, isSecret } from '../src/config/secret.ts';
import { serviceRows } from '../src/config/service-rows.ts';
import type { Origins } from '../src/config/setting.ts';
import { shown } from '../src/config/shown.ts';
import { localPath } from '../src/config/store-settings.ts';
import { servicesTable } from './config-services-table.ts';
import type { CommandIo } from './io.ts';
import { tableText } from './table.ts';

/** A configuration in effect, and where it comes from. */
export interface InEffect {
  readonly config: Config;
  readonly origins: Origins;
  readonly file: string | undefined;
}

export type Form = 'table' | 'yaml' | 'json';

/** Prints it, with every secret hidden. */
export function showConfig({ config, origins, file }: InEffect, form: Form, io: CommandIo): void {
  if (form === 'json') {
    io.stdout.write(`${json(config, origins, file)}\n`);
    return;
  }
  const name = file === undefined ? 'no configuration file' : shown(file, 300);
  io.stdout.write(form === 'yaml' ? `# ${name}\n` : `${name}\n\n`);
  io.stdout.write(
    form === 'yaml'
      ? yaml(keys, config, origins).join('')
      : table({ config, origins, file }, io.env),
  );
}

/** Every key, the local database, and the services; where a file is named once, lines are enough. */
function table({ config, origins, file }: InEffect, env: CommandIo['env']): string {
  const rows = keysOf(keys).flatMap(([path, key]) => rowsOf(path, key, config, origins, file));
  const around = { env, uid: process.getuid?.() ?? -1, home: env['HOME'] || homedir() };
  const services = serviceRows(config);
  const count = services.length === 0 ? 'No services.' : `Services (${services.length}):`;
  return [
    tableText(['KEY', 'VALUE', 'FROM'], rows),
    `\nLocal database of the store: ${shown(localPath(config, around), 300)}\n\n${count}\n`,
    services.length === 0 ? '' : servicesTable(services, true),
  ].join('');
}

function rowsOf(
  path: string,
  key: Key,
  config: Config,
  origins: Origins,
  file: string | undefined,
): readonly (readonly string[])[] {
  const value = valueAt(config, path);
  const from = placeText(originText(origins, path), file && shown(file, 300));
  if (value instanceof Map && value.size > 0 && isCollection(key)) {
    const isService = path === 'checks.http' || path === 'checks.tcp';
    const count = `${value.size} ${value.size === 1 ? 'entry' : 'entries'}`;
    const entries = [...value].map(([name, one]) => [`  ${name}`, formatNode(key.of, one), '']);
    return isService ? [[path, `${count}, below`, from]] : [[path, count, from], ...entries];
  }
  const text = path === 'store.postgres.url' ? urlText(value) : formatValue(key, value);
  return [[path, text ?? key.default_doc ?? 'not set', from]];
}

/** Of a URL only the password is a secret. */
function urlText(value: unknown): string | undefined {
  if (!isSecret(value)) return undefined;
  return shownPostgresUrl(value.reveal()) ?? hidden;
}

/** `line 3` in place of the file, which stands above the table. */
function placeText(origin: string, file: string | undefined): string {
  const start = file === undefined ? '' : `${file}:`;
  if (start === '' || !origin.startsWith(start)) return origin;
  return `line ${origin.slice(start.length).replace(/:.*/, '')}`;
}

function originText(origins: Origins, path: string): string {
  const origin = origins.get(path);
  return shown(origin?.where || origin?.source || '', 300);
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

function json(from: Config, origins: Origins, file: string | undefined): string {
  const settings = keysOf(keys).map(([path, key]) => ({
    key: path,
    value: jsonValue(key, valueAt(from, path)),
    source: origins.get(path)?.source,
    where: origins.get(path)?.where,
  }));
  return JSON.stringify({ file: file ?? null, settings }, undefined, 2);
}
