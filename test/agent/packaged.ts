import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ThrowAwaySystemd } from '../../src/demo/boot.ts';
import type { Event } from '../../src/model/event.ts';
import { journalRecords, journalSynced } from '../bed.ts';
import { eventOfLine } from '../validate.ts';

/* The packaged service in a bed. */

/** A bed that runs it has this bound into itself. */
export const repository = fileURLToPath(new URL('../../../', import.meta.url));
export const unit = 'unitwatch.service';

export function packaging(name: string): string {
  return readFileSync(join(repository, 'packaging', name), 'utf8');
}

/** The command of the packaged unit with Node and unitwatch where this machine has them. */
function commandHere(packaged: string): string {
  const line = /^ExecStart=(.*)$/m.exec(packaged)?.[1] ?? assert.fail('no ExecStart');
  return line
    .replace('/usr/bin/node', '/opt/node')
    .replace('/usr/lib/node_modules/unitwatch', '/opt/unitwatch');
}

/** The unit, with lines more for its drop-in, and its user; it is not started. */
export async function install(bed: ThrowAwaySystemd, more: readonly string[] = []): Promise<void> {
  const packaged = packaging(unit);
  // The repository may lie where the sandbox does not look (/home, /root, /tmp) or others may not.
  const parts = ['dist', 'node_modules', 'package.json'].map(
    (name) => `${join(repository, name)}:/opt/unitwatch/${name}`,
  );
  const here = [
    ...['[Service]', 'ExecStart=', `ExecStart=${commandHere(packaged)}`],
    `BindReadOnlyPaths=${process.execPath}:/opt/node ${parts.join(' ')}`,
    ...more,
  ];
  bed.writeUnit(unit, packaged);
  bed.writeUnit(`${unit}.d/here.conf`, `${here.join('\n')}\n`);
  const users = await bed.exec(['systemd-sysusers', join(repository, 'packaging/sysusers.conf')]);
  assert.equal(users.status, 0, users.stderr);
  mkdirSync(join(bed.root, 'etc/unitwatch'), { recursive: true });
  await bed.systemctl('daemon-reload');
}

export function configure(bed: ThrowAwaySystemd, text: string): void {
  writeFileSync(join(bed.root, 'etc/unitwatch/unitwatch.yaml'), text, { mode: 0o644 });
}

/** What a unit has written to the journal since the boot. */
export async function journal(bed: ThrowAwaySystemd, of = unit): Promise<string[]> {
  await journalSynced(bed);
  const lines: string[] = [];
  for await (const record of journalRecords(bed, [`_SYSTEMD_UNIT=${of}`]))
    lines.push(String(record['MESSAGE']));
  return lines;
}

export async function events(bed: ThrowAwaySystemd): Promise<Event[]> {
  const lines = await journal(bed);
  return lines.filter((line) => line.includes('"event_type"')).map(eventOfLine);
}

/** Status and body of one of its pages, as one text. */
export async function page(bed: ThrowAwaySystemd, path: string): Promise<string> {
  const script = `const answer = await fetch('http://127.0.0.1:9753${path}');
    console.log(answer.status, await answer.text());`;
  const argv = [process.execPath, '--input-type=module', '-e', script];
  return (await bed.exec(argv)).stdout;
}
