import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();
const nowhere = join(directory, 'nowhere.yaml');

function write(name: string, content: string | Buffer): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

async function faultsOf(file: string): Promise<readonly string[]> {
  const loaded = await loadConfig({ file, env: {} });
  return 'faults' in loaded ? loaded.faults : [];
}

test('without a file there are the defaults, and what the environment says', async () => {
  const env = { UNITWATCH_BUS: 'user' };
  const loaded = await loadConfig({ env, defaultFile: nowhere });
  assert.ok('config' in loaded);
  assert.equal(loaded.config.bus, 'user');
  assert.equal(loaded.file, undefined);
});

test('the file at the default path is read where there is one', async () => {
  const loaded = await loadConfig({ env: {}, defaultFile: write('default.yaml', 'bus: user') });
  assert.ok('config' in loaded);
  assert.equal(loaded.config.bus, 'user');
});

test('UNITWATCH_CONFIG names the file, and the command line names it before that', async () => {
  const a = write('a.yaml', 'host: a');
  const b = write('b.yaml', 'host: b');
  const byVariable = await loadConfig({ env: { UNITWATCH_CONFIG: a } });
  const byFlag = await loadConfig({ file: b, env: { UNITWATCH_CONFIG: a } });
  assert.ok('config' in byVariable && 'config' in byFlag);
  assert.equal(byVariable.config.host, 'a');
  assert.equal(byFlag.config.host, 'b');
  assert.equal(byFlag.file, b);
});

test('a file that was named must exist; the other faults are told with it', async () => {
  assert.deepEqual(await faultsOf(nowhere), [`${nowhere}: does not exist`]);
  const env = { UNITWATCH_CONFIG: nowhere, UNITWATCH_BUS: '' };
  const loaded = await loadConfig({ env });
  assert.deepEqual(loaded, {
    faults: [`${nowhere}: does not exist`, 'UNITWATCH_BUS: must not be empty (got "")'],
    file: nowhere,
  });
});

test('a directory, a path through a file, a loop, an empty name', async () => {
  const file = write('plain.yaml', '');
  symlinkSync('loop', join(directory, 'loop'));
  assert.deepEqual(await faultsOf(directory), [
    `${directory}: is a directory; name the file in it`,
  ]);
  assert.deepEqual(await faultsOf(`${file}/x`), [`${file}/x: does not exist`]);
  assert.deepEqual(await faultsOf(join(directory, 'loop')), [
    `${directory}/loop: cannot be read (ELOOP)`,
  ]);
  assert.deepEqual(await faultsOf(''), [': is no file name']);
  assert.deepEqual(await faultsOf('a\0b'), ['a\\u{0}b: is no file name']);
});

test('a device, a pipe without a writer and a socket are refused at once', async () => {
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const socket = join(directory, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  assert.deepEqual(await faultsOf('/dev/zero'), ['/dev/zero: is no regular file']);
  assert.deepEqual(await faultsOf(pipe), [`${pipe}: is no regular file`]);
  assert.deepEqual(await faultsOf(socket), [`${socket}: cannot be read (ENXIO)`]);
  await new Promise((resolve) => server.close(resolve));
});

test('a file that may not be read', async () => {
  const file = write('private.yaml', 'bus: user');
  chmodSync(file, 0);
  const script = `import(process.argv[1]).then(async ({ loadConfig }) => {
    if (process.getuid() === 0) process.setuid(65534);
    console.log(JSON.stringify(await loadConfig({ file: process.argv[2], env: {} })));
  });`;
  chmodSync(directory, 0o755);
  const module = new URL('../../src/config/load.js', import.meta.url).href;
  const out = execFileSync(process.execPath, ['-e', script, module, file], { encoding: 'utf8' });
  const uid = process.getuid?.() === 0 ? 65534 : process.getuid?.();
  assert.deepEqual(JSON.parse(out), {
    faults: [`${file}: cannot be read by user ${uid} (permission denied)`],
    file,
  });
});

test('a file of a mebibyte is read, one byte more is refused', async () => {
  const line = '# 3456789\n'.repeat(104_857);
  const full = write('full.yaml', `${line}######`);
  const over = write('over.yaml', `${line}#######`);
  assert.deepEqual(await faultsOf(full), []);
  assert.deepEqual(await faultsOf(over), [`${over}: is larger than 1024 KiB`]);
});

test('a file that is not UTF-8 is refused with the line', async () => {
  const latin = write('latin.yaml', Buffer.from('bus: user\n# caf\xe9\n', 'latin1'));
  const utf16 = write('utf16.yaml', Buffer.from('\ufeffbus: user\n', 'utf16le'));
  const want = 'is not UTF-8; save the file in that encoding';
  assert.deepEqual(await faultsOf(latin), [`${latin}:2:1: ${want}`]);
  assert.deepEqual(await faultsOf(utf16), [`${utf16}:1:1: ${want}`]);
});

test('a byte order mark and line ends of Windows are read over', async () => {
  const file = write('windows.yaml', '\ufeffbus: user\r\nhost: h\r\nbsu: x\r\n');
  assert.deepEqual(await faultsOf(file), [
    `${file}:3:1: bsu: is no key of unitwatch; did you mean 'bus'?`,
  ]);
});

test('a name that would act on a terminal is written as what it is', async () => {
  mkdirSync(join(directory, 'odd'));
  const file = write('odd/\u001b[31m.yaml', 'zzz: 1');
  assert.deepEqual(await faultsOf(file), [
    `${directory}/odd/\\u{1b}[31m.yaml:1:1: zzz: is no key of unitwatch`,
  ]);
});
