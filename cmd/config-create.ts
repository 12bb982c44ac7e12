import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { addPostgres, newConfig, postgresUrlFault } from '../src/config/create.ts';
import { hostFile, isSomebodys, ownFile, surroundings } from '../src/config/default-file.ts';
import { readConfigFile } from '../src/config/file.ts';
import { loadConfig, namedFile } from '../src/config/load.ts';
import { createFile, type Faults, rewriteFile, type Written } from '../src/config/rewrite.ts';
import { shown } from '../src/config/shown.ts';
import { localPath } from '../src/config/store-settings.ts';
import { confirm, isAtTerminal } from './confirm.ts';
import type { CommandIo } from './io.ts';

/** Bytes of standard input that are read for a URL. */
const urlBytesMax = 8_192;

/**
 * `unitwatch config create`: a configuration whose store forwards to a PostgreSQL. A file that is
 * there keeps everything else; one that names another PostgreSQL is changed only where that is agreed.
 * @returns the exit status
 */
export async function createConfig(
  { url: given, yes }: { readonly url: string; readonly yes: boolean },
  file: string | undefined,
  io: CommandIo,
): Promise<number> {
  const url = given === '-' ? await firstLine(process.stdin) : given;
  const wrong = postgresUrlFault(url);
  if (wrong !== undefined) return faulty([`POSTGRES-URL ${wrong}`], io);
  const named = namedFile({ file, env: io.env });
  const name = named ?? ownFile(surroundings(io.env));
  const written = await write(name, url, { yes, isNamed: named !== undefined }, io);
  if (typeof written === 'object' && 'faults' in written) return faulty(written.faults, io);
  return tell(name, written, io);
}

interface Agreed {
  readonly yes: boolean;
  /** Else it is the default file, whose folder is made with it. */
  readonly isNamed: boolean;
}
type Done = (Written & { readonly isNew: boolean }) | 'is so already' | 'is left';

async function write(
  name: string,
  url: string,
  { yes, isNamed }: Agreed,
  io: CommandIo,
): Promise<Done | Faults> {
  const gid = dirname(name) === dirname(hostFile) ? await agentGroup() : undefined;
  if ((await readConfigFile(name)) === undefined) {
    const made = await newConfig(url);
    if ('fault' in made) return { faults: [made.fault] };
    const created = await createFile(name, made.text, {
      gid,
      folderMode: isNamed ? undefined : folderMode(name),
    });
    if (created !== 'exists') return 'faults' in created ? created : { ...created, isNew: true };
  }
  const change = (replaces: boolean) => changed(name, url, replaces, gid, io);
  const done = await change(yes);
  if (done !== 'names another') return done;
  const there = `${shown(name, 200)} names a PostgreSQL already`;
  if (!isAtTerminal()) return { faults: [`${there}; with --yes the new one takes its place`] };
  if (!(await confirm(`${there}. Put the new one in its place? [y/N] `))) return 'is left';
  const second = await change(true);
  return second === 'names another' ? 'is left' : second;
}

async function changed(
  name: string,
  url: string,
  replaces: boolean,
  gid: number | undefined,
  { env }: CommandIo,
): Promise<Done | Faults | 'names another'> {
  const written = await rewriteFile<'names another' | 'is so already'>(name, async (file) => {
    const made = await addPostgres(file, url, replaces, env);
    return typeof made === 'string' || 'faults' in made ? made : { ...made, gid };
  });
  if (typeof written === 'string' || 'faults' in written) return written;
  return { ...written, isNew: false };
}

async function tell(name: string, done: Done, io: CommandIo): Promise<number> {
  const file = shown(name, 200);
  if (typeof done === 'string') {
    const why = done === 'is left' ? 'is left as it was' : 'names this PostgreSQL already';
    io.stdout.write(`${file} ${why}.\n`);
    return done === 'is left' ? 1 : 0;
  }
  const mode = `its mode is ${(done.mode & 0o777).toString(8).padStart(4, '0')}`;
  io.stdout.write(`${file} is ${done.isNew ? 'written' : 'changed'}; ${mode}.\n`);
  const loaded = await loadConfig({ file: name, env: io.env });
  if ('faults' in loaded) return faulty(loaded.faults, io);
  const around = surroundings(io.env);
  io.stdout.write(`The local database is ${shown(localPath(loaded.config, around), 200)}.\n`);
  const named = name === ownFile(around) ? '' : ` --config ${file}`;
  const next = isSomebodys(around)
    ? `Start the agent with: unitwatch run${named}`
    : 'A running agent takes it at its next start: systemctl restart unitwatch';
  io.stderr.write(`Make the tables with: unitwatch store init${named}\n${next}\n`);
  return 0;
}

/** The host's is for all to look into; somebody's own holds his results, too. */
function folderMode(name: string): number {
  return name === hostFile ? 0o755 : 0o700;
}

/** The packaged agent runs as a user of its own, which must be able to read its file. */
async function agentGroup(): Promise<number | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const gid = /^unitwatch:[^:]*:(\d+):/m.exec(groups)?.[1];
  return gid === undefined ? undefined : Number(gid);
}

/** Words of a command line are seen by every user of the machine (ps); standard input is not. */
async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes('\n') || text.length > urlBytesMax) break;
  }
  return text.split(/\r?\n/, 1)[0] ?? '';
}

function faulty(faults: readonly string[], io: CommandIo): number {
  io.stderr.write(`${faults.join('\n')}\n`);
  return 2;
}
