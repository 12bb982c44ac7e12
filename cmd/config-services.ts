import { defaultFile, isSomebodys, surroundings } from '../src/config/default-file.ts';
import type { FileRead } from '../src/config/file.ts';
import { loadConfig, namedFile } from '../src/config/load.ts';
import { type Faults, rewriteFile } from '../src/config/rewrite.ts';
import { type ServiceRow, serviceRows } from '../src/config/service-rows.ts';
import {
  addService,
  type EditedService,
  removeService,
  type ServiceOptions,
  serviceAt,
  updateService,
} from '../src/config/services.ts';
import { shown } from '../src/config/shown.ts';
import { servicesTable } from './config-services-table.ts';
import type { CommandIo } from './io.ts';

/** What is asked of the services of a configuration. */
export type ServicesAsked =
  | { readonly verb: 'show'; readonly numbered: boolean; readonly json: boolean }
  | (ServiceOptions & {
      readonly verb: 'add';
      readonly url: string;
      readonly method: string;
      readonly checkRegex: boolean;
      readonly name: string | undefined;
    })
  | (ServiceOptions & {
      readonly verb: 'update';
      readonly number: string;
      readonly toggleCheckRegex: boolean;
    })
  | { readonly verb: 'remove'; readonly number: string };

/** `unitwatch config services ...`. @returns the exit status */
export async function configServices(
  asked: ServicesAsked,
  file: string | undefined,
  io: CommandIo,
): Promise<number> {
  const { env } = io;
  if (asked.verb === 'show') return show(asked, file, io);
  const name = namedFile({ file, env }) ?? (await defaultFile(surroundings(env)));
  if (asked.verb === 'add') {
    return edit(name, io, 'is added', (read) => addService(read, asked, env));
  }
  const loaded = await loadConfig({ file: name, env });
  if ('faults' in loaded) return faulty(loaded.faults, io);
  if (asked.verb === 'update' && isNothing(asked)) {
    const what = '--regex, --toggle-check-regex, --interval or --timeout';
    return faulty([`unitwatch config: services update changes nothing; give it ${what}`], io);
  }
  const row = serviceAt(serviceRows(loaded.config), asked.number);
  if ('fault' in row) return faulty([`${shown(name, 200)}: ${row.fault}`], io);
  return asked.verb === 'update'
    ? edit(name, io, 'is changed', (read) => updateService(read, row.name, asked, env))
    : edit(name, io, 'is removed', (read) => removeService(read, row.name, env));
}

async function show(
  { numbered, json }: Extract<ServicesAsked, { verb: 'show' }>,
  file: string | undefined,
  io: CommandIo,
): Promise<number> {
  const loaded = await loadConfig({ file, env: io.env });
  if ('faults' in loaded) return faulty(loaded.faults, io);
  const rows = serviceRows(loaded.config);
  if (json) io.stdout.write(`${JSON.stringify(rows.map(jsonOf))}\n`);
  else if (rows.length > 0) io.stdout.write(servicesTable(rows, numbered));
  else io.stdout.write('There are no services.\n');
  return 0;
}

/** Names and units as the file has them. */
function jsonOf({ regex, checkRegex, intervalMs, timeoutMs, ...row }: ServiceRow): object {
  return {
    ...row,
    ...{ regex: regex ?? null, check_regex: checkRegex },
    ...{ interval_sec: intervalMs / 1e3, timeout_sec: timeoutMs / 1e3 },
  };
}

async function edit(
  name: string,
  io: CommandIo,
  done: string,
  work: (file: FileRead) => Promise<EditedService | Faults>,
): Promise<number> {
  let row: ServiceRow | undefined;
  const written = await rewriteFile<never>(name, async (read) => {
    const edited = await work(read);
    if ('row' in edited) row = edited.row;
    return edited;
  });
  if ('faults' in written) return faulty(written.faults, io);
  io.stdout.write(`Service ${row?.number} ${done}: ${shown(row?.name ?? '', 255)}\n`);
  const how = isSomebodys(surroundings(io.env))
    ? 'kill -HUP and its PID'
    : 'systemctl reload unitwatch';
  io.stderr.write(`A running agent takes it on a reload: ${how}\n`);
  return 0;
}

function isNothing(asked: Extract<ServicesAsked, { verb: 'update' }>): boolean {
  const { regex, interval, timeout, toggleCheckRegex } = asked;
  return !toggleCheckRegex && [regex, interval, timeout].every((one) => one === undefined);
}

function faulty(faults: readonly string[], io: CommandIo): number {
  io.stderr.write(`${faults.join('\n')}\n`);
  return 2;
}
