import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadConfig } from '../../src/config/load.ts';
import { createFile, type NewText, rewriteFile } from '../../src/config/rewrite.ts';
import { until } from '../bed.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();
chmodSync(directory, 0o755);
const child = fileURLToPath(new URL('./rewrite-child.js', import.meta.url));
const execute = promisify(execFile);
const nobody = 65_534;

let made = 0;
/** A folder of one test alone. */
function folder(): string {
  const path = join(directory, String(made++));
  mkdirSync(path);
  return path;
}

function write(path: string, text: string, mode = 0o644): string {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function put(file: string, text: string, more: Omit<NewText, 'text'> = {}) {
  return rewriteFile<never>(file, async () => ({ text, ...more }));
}

async function faultOf(file: string, text = 'bus: user\n'): Promise<string> {
  const done = await put(file, text);
  return 'faults' in done ? done.faults.join('\n') : `written with mode ${done.mode}`;
}

/** Adds a service in a process of another user, who cannot become root again. */
async function addAs(uid: number, file: string): Promise<string> {
  const writer = spawn(process.execPath, [child, file, 'a', '1', String(uid)]);
  let out = '';
  for (const stream of [writer.stdout, writer.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  const [code] = await once(writer, 'close');
  return `${String(code)} ${out.trim()}`;
}

test('the file has the text, its owner and its mode, and nothing is left beside it', async () => {
  const file = write(join(folder(), 'c.yaml'), 'bus: user\n', 0o640);
  chownSync(file, nobody, nobody);
  assert.deepEqual(await put(file, 'bus: system\n'), { mode: 0o640 });
  const { mode, uid, gid } = statSync(file);
  assert.deepEqual([mode & 0o7777, uid, gid], [0o640, nobody, nobody]);
  assert.equal(readFileSync(file, 'utf8'), 'bus: system\n');
  assert.deepEqual(readdirSync(join(file, '..')), ['c.yaml']);
});

test('a byte order mark stays', async () => {
  const file = write(join(folder(), 'c.yaml'), '\ufeffbus: user\r\n');
  const seen: string[] = [];
  await rewriteFile<never>(file, async ({ text }) => {
    seen.push(text);
    return { text: `${text}host: h\r\n` };
  });
  assert.deepEqual(seen, ['bus: user\r\n']);
  assert.equal(readFileSync(file, 'utf8'), '\ufeffbus: user\r\nhost: h\r\n');
});

test('behind a link the file itself is edited, and the link stays', async () => {
  const [there, here] = [folder(), folder()];
  const file = write(join(there, 'real.yaml'), 'bus: user\n');
  symlinkSync(join(there, 'middle.yaml'), join(here, 'c.yaml'));
  symlinkSync('real.yaml', join(there, 'middle.yaml'));
  assert.deepEqual(await put(join(here, 'c.yaml'), 'bus: system\n'), { mode: 0o644 });
  assert.equal(readFileSync(file, 'utf8'), 'bus: system\n');
  assert.ok(lstatSync(join(here, 'c.yaml')).isSymbolicLink());
  assert.ok(lstatSync(join(there, 'middle.yaml')).isSymbolicLink());
});

test('a secret takes from others the right to read; the group of the agent is given it', async () => {
  const open = write(join(folder(), 'c.yaml'), 'bus: user\n', 0o664);
  assert.deepEqual(await put(open, 'x', { isPrivate: true, gid: nobody }), { mode: 0o660 });
  assert.equal(statSync(open).gid, nobody);
  const closed = write(join(folder(), 'c.yaml'), 'bus: user\n', 0o600);
  assert.deepEqual(await put(closed, 'x', { isPrivate: true, gid: nobody }), { mode: 0o600 });
  assert.equal(statSync(closed).gid, 0);
});

test('a new file is its owner’s alone, or its group’s too, and never takes the place of another', async () => {
  const file = join(folder(), 'c.yaml');
  assert.deepEqual(await createFile(file, 'bus: user\n'), { mode: 0o600 });
  assert.equal(statSync(file).mode & 0o7777, 0o600);
  assert.equal(await createFile(file, 'other'), 'exists');
  assert.equal(readFileSync(file, 'utf8'), 'bus: user\n');
  const grouped = join(folder(), 'c.yaml');
  assert.deepEqual(await createFile(grouped, '', { gid: nobody }), { mode: 0o640 });
  const { mode, uid, gid } = statSync(grouped);
  assert.deepEqual([mode & 0o7777, uid, gid], [0o640, 0, nobody]);
  const nowhere = join(folder(), 'link.yaml');
  symlinkSync('nothing', nowhere);
  assert.equal(await createFile(nowhere, 'x'), 'exists');
  const deep = join(folder(), 'made', 'c.yaml');
  assert.deepEqual(await createFile(deep, '', { folderMode: 0o755 }), { mode: 0o600 });
  assert.equal(statSync(join(deep, '..')).mode & 0o7777, 0o755);
  assert.deepEqual(readdirSync(join(deep, '..')), ['c.yaml']);
});

test('a folder that is not there, a folder in place of a file, a link to nowhere, no file', async () => {
  const here = folder();
  const gone = join(here, 'gone', 'c.yaml');
  assert.deepEqual(await createFile(gone, ''), {
    faults: [
      `${gone}: cannot be written, because ${join(here, 'gone')} is no folder; make it first`,
    ],
  });
  assert.match(await faultOf(gone), /c\.yaml: does not exist; make it with /);
  assert.equal(await faultOf(here), `${here}: is a directory; name the file in it`);
  symlinkSync('nothing', join(here, 'link.yaml'));
  assert.match(
    await faultOf(join(here, 'link.yaml')),
    /link\.yaml: is a symbolic link to a file that does not exist; make that file/,
  );
});

test('whoever may not write the file, its folder or for its owner is told so', async () => {
  const denied =
    /^2 .*c\.yaml: cannot be written by user 65534 \(permission denied\); run it as the owner/;
  const here = folder();
  const file = write(join(here, 'c.yaml'), 'bus: user\n', 0o666);
  assert.match(await addAs(nobody, file), denied, 'the folder');
  chmodSync(here, 0o777);
  assert.match(await addAs(nobody, file), denied, 'it would be theirs afterwards');
  chownSync(file, nobody, nobody);
  chmodSync(file, 0o444);
  assert.match(await addAs(nobody, file), denied, 'the file');
  assert.equal(readFileSync(file, 'utf8'), 'bus: user\n');
  chmodSync(file, 0o600);
  assert.equal(await addAs(nobody, file), '0 .');
  chmodSync(file, 0);
  assert.match(
    await addAs(nobody, file),
    /^2 .*cannot be read by user 65534 \(permission denied\)$/,
  );
  assert.deepEqual(readdirSync(here), ['c.yaml']);
});

test('a file system that is full, then read-only', async () => {
  const here = folder();
  const original = write(join(folder(), 'c.yaml'), `bus: user\n${'# 3456789\n'.repeat(4_000)}`);
  // In a mount namespace of its own, which goes with it.
  const script = `mount -t tmpfs -o size=64k,mode=755 none "$0" && cp "$1" "$0/c.yaml" || exit 9
    "$2" "$3" "$0/c.yaml" a 1; ls -A "$0"; cmp "$1" "$0/c.yaml" && mount -o remount,ro "$0"
    "$2" "$3" "$0/c.yaml" a 1; ls -A "$0"`;
  const argv = ['--mount', 'sh', '-c', script, here, original, process.execPath, child];
  const { stdout } = await execute('unshare', argv);
  assert.deepEqual(stdout.split('\n'), [
    `${join(here, 'c.yaml')}: cannot be written: the disk is full`,
    'c.yaml',
    `${join(here, 'c.yaml')}: cannot be written: the file system is read-only`,
    'c.yaml',
    '',
  ]);
});

test('a mebibyte is the most', async () => {
  const file = write(join(folder(), 'c.yaml'), 'bus: user\n');
  assert.equal(await faultOf(file, '#'.repeat(1_048_576)), 'written with mode 420');
  const over = `${file}: would be larger than 1024 KiB`;
  assert.equal(await faultOf(file, '#'.repeat(1_048_577)), over);
  assert.equal(statSync(file).size, 1_048_576);
});

test('what others write meanwhile is not lost: the edit begins anew', async () => {
  const file = write(join(folder(), 'c.yaml'), 'a');
  let calls = 0;
  const done = await rewriteFile<never>(file, async ({ text }) => {
    calls++;
    if (calls < 3) writeFileSync(file, `${text}+`);
    return { text: `${text}b` };
  });
  assert.deepEqual(done, { mode: 0o644 });
  assert.equal(readFileSync(file, 'utf8'), 'a++b');
  const always = await rewriteFile<never>(file, async ({ text }) => {
    writeFileSync(file, `${text}+`);
    return { text: 'mine' };
  });
  assert.deepEqual(always, {
    faults: [`${file}: is changed by others all the time; try again`],
  });
});

test('a lock that stays is told after five seconds, and never taken away', async () => {
  const file = write(join(folder(), 'c.yaml'), 'bus: user\n');
  const lock = write(join(file, '..', '.c.yaml.lock'), 'somebody’s');
  const begun = performance.now();
  assert.match(
    await faultOf(file),
    /\.c\.yaml\.lock: is there: somebody edits the file, or was cut/,
  );
  assert.ok(performance.now() - begun >= 5_000);
  assert.equal(readFileSync(lock, 'utf8'), 'somebody’s');
  assert.equal(readFileSync(file, 'utf8'), 'bus: user\n');
});

test('a lock that is a link to something else is not followed', async () => {
  const here = folder();
  const file = write(join(here, 'c.yaml'), 'bus: user\n');
  const other = write(join(here, 'other'), 'mine');
  symlinkSync(other, join(here, '.c.yaml.lock'));
  assert.match(await faultOf(file), /\.c\.yaml\.lock: is there: /);
  assert.equal(readFileSync(other, 'utf8'), 'mine');
});

test('writers at once: every edit is there, and the file is whole at every moment', async () => {
  const file = write(join(folder(), 'c.yaml'), 'bus: user # mine\n');
  const writers = ['a', 'b', 'c', 'd'].map((prefix) =>
    execute(process.execPath, [child, file, prefix, '8']),
  );
  let isDone = false;
  let reads = 0;
  const reader = until(
    'all have written',
    async () => {
      const loaded = await loadConfig({ file, env: {} });
      assert.ok('config' in loaded, JSON.stringify(loaded));
      reads++;
      return isDone;
    },
    100_000,
  );
  const outs = await Promise.all(writers);
  isDone = true;
  await reader;
  assert.deepEqual(
    outs.map(({ stdout }) => stdout),
    ['', '', '', ''],
  );
  const loaded = await loadConfig({ file, env: {} });
  assert.ok('config' in loaded);
  assert.equal(loaded.config.checks.http.size, 32);
  assert.match(readFileSync(file, 'utf8'), /^bus: user # mine\n/);
  assert.deepEqual(readdirSync(join(file, '..')), ['c.yaml']);
  assert.ok(reads > 5, `${reads}`);
});

test('killed in mid-edit: the file is the old one or the new one, whole', async () => {
  const file = write(join(folder(), 'c.yaml'), 'bus: user\n');
  const lock = join(file, '..', '.c.yaml.lock');
  let sizes = 0;
  for (let i = 0; i < 12; i++) {
    const writer = spawn(process.execPath, [child, file, `k${i}`, '1000']);
    const ended = once(writer, 'close');
    await once(writer.stderr, 'data');
    // An edit takes some 20 ms: the signal falls into each part of one.
    await new Promise((resolve) => setTimeout(resolve, i * 3));
    writer.kill('SIGKILL');
    await ended;
    const loaded = await loadConfig({ file, env: {} });
    assert.ok('config' in loaded, JSON.stringify(loaded));
    assert.ok(loaded.config.checks.http.size >= sizes);
    sizes = loaded.config.checks.http.size;
    if (existsSync(lock)) execFileSync('rm', [lock]);
  }
  assert.ok(sizes >= 12, `${sizes}`);
});
