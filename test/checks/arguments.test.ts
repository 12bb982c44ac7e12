import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { splitArguments } from '../../src/checks/process/arguments.ts';
import { ProcTable } from '../../src/checks/process/proc-table.ts';
import { eventually, Standing } from './standing.ts';

let standing: Standing;
before(async () => {
  standing = await Standing.make();
});
after(() => standing.close());

const table: readonly { name: string; given: string; want: readonly string[] | undefined }[] = [
  { name: 'a kernel thread', given: '', want: undefined },
  { name: 'nothing but padding', given: '\0\0\0', want: undefined },
  { name: 'the program alone', given: 'java\0', want: ['java'] },
  {
    name: 'a space is no end',
    given: 'java\0-Dname=two words\0',
    want: ['java', '-Dname=two words'],
  },
  { name: 'empty arguments', given: 'a\0\0b\0', want: ['a', '', 'b'] },
  { name: 'empty arguments at the end', given: 'a\0b\0\0\0', want: ['a', 'b', '', ''] },
  { name: 'an empty program', given: '\0-x\0', want: ['', '-x'] },
  {
    name: 'a title without a NUL',
    given: 'nginx: worker process',
    want: ['nginx: worker process'],
  },
  { name: 'a padded title', given: 'sshd: root@pts/0\0\0\0\0', want: ['sshd: root@pts/0'] },
  { name: 'a last argument without its NUL', given: 'a\0b', want: ['a', 'b'] },
  { name: 'UTF-8', given: 'café\0ü\0', want: ['café', 'ü'] },
];
for (const { name, given, want } of table) {
  test(`arguments: ${name}`, () => {
    assert.deepEqual(splitArguments(Buffer.from(given))?.texts, want);
  });
}

test('invalid UTF-8 is kept byte by byte, and only in the argument that has it', () => {
  const bytes = Buffer.concat([
    Buffer.from('né\0'),
    Buffer.from([0x63, 0xe9, 0xff, 0]),
    Buffer.from('x\0'),
  ]);
  assert.deepEqual(splitArguments(bytes)?.texts, ['né', 'c\u00e9\u00ff', 'x']);
});

test('any list of arguments comes back as it was', () => {
  const argument = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.array(argument, { minLength: 2 }), (list) => {
      // One text with nothing behind it is a title; that a list of that form is not told apart is documented.
      fc.pre(list.slice(1).some((text) => text !== ''));
      assert.deepEqual(splitArguments(Buffer.from(`${list.join('\0')}\0`))?.texts, list);
    }),
    { numRuns: 1_000 },
  );
});

test('any bytes at all are taken apart, and every one of them is still there', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const list = splitArguments(Buffer.from(bytes));
      assert.equal(
        list === undefined,
        bytes.every((byte) => byte === 0),
      );
      const parts = Buffer.from(bytes)
        .toString('latin1')
        .split('\0')
        .filter((part) => part !== '');
      const kept = (list?.texts ?? []).filter((text) => text !== '');
      assert.equal(kept.length, parts.length);
      for (const [at, part] of parts.entries()) {
        const isUtf8Text = Buffer.from(kept[at] ?? '').equals(Buffer.from(part, 'latin1'));
        assert.ok(isUtf8Text || kept[at] === part);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('64 KiB in one argument, and 128 KiB in all', async () => {
  const proc = new ProcTable();
  const long = 'x'.repeat(65_536);
  const pid = await standing.add(['java', `-cp=${long}`, `-Dmore=${long}`, 'org.example.Main']);
  assert.deepEqual(proc.arguments(pid), {
    texts: ['java', `-cp=${long}`, `-Dmore=${long}`, 'org.example.Main'],
    cut: false,
  });
});

test('a list beyond the buffer says that it was cut', async () => {
  const many = Array.from({ length: 4 }, (_, n) => `${n}${'y'.repeat(100_000)}`);
  const pid = await standing.add(['java', ...many]);
  const list = new ProcTable().arguments(pid);
  assert.ok(typeof list === 'object' && list.cut);
  assert.deepEqual(list.texts.slice(0, 3), ['java', ...many.slice(0, 2)]);
});

test('of more than 10,000 arguments the first are looked at', () => {
  for (const byte of ['', '\xff']) {
    const bytes = Buffer.from(`java\0${byte}\0${'x\0'.repeat(20_000)}`, 'latin1');
    const list = splitArguments(bytes);
    assert.deepEqual([list?.texts.length, list?.texts[0], list?.cut], [10_000, 'java', true]);
  }
});

test('bytes that are no UTF-8, in a real process', async () => {
  // The shell makes the byte: spawn takes text only.
  const child = standing.adopt(
    spawn('bash', ['-c', `exec -a java bash -c 'sleep 600; :' caf$'\\xe9' end`], {
      stdio: 'ignore',
    }),
  );
  const proc = new ProcTable();
  await eventually('it shows its arguments', () => {
    const list = proc.arguments(child.pid ?? 0);
    return typeof list === 'object' && list.texts.at(-1) === 'end';
  });
  const list = proc.arguments(child.pid ?? 0);
  assert.ok(typeof list === 'object');
  assert.deepEqual(list.texts.slice(-2), ['caf\u00e9', 'end']);
});

test('kernel threads, zombies and what has ended have no arguments', async () => {
  const proc = new ProcTable();
  const script = '$| = 1; my $child = fork; exit 0 if !$child; print "$child\\n"; sleep 600';
  const parent = standing.adopt(
    spawn('perl', ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const text = await new Promise<string>((resolve) => {
    parent.stdout?.once('data', (data: Buffer) => resolve(String(data)));
  });
  const zombie = Number(text);
  await eventually('it is a zombie', () =>
    readFileSync(`/proc/${zombie}/stat`, 'latin1').includes(') Z '),
  );
  assert.ok(proc.pids().includes(zombie), 'it is still in the table');
  assert.equal(proc.arguments(zombie), 'none');
  assert.equal(proc.stat(zombie), undefined);
  assert.equal(proc.arguments(2 ** 30), 'none');
  assert.equal(proc.stat(2 ** 30), undefined);
});

test('what the kernel says of this process', () => {
  const proc = new ProcTable();
  const stat = proc.stat(process.pid);
  assert.ok(stat);
  assert.equal(stat.uid, process.geteuid?.());
  assert.ok(stat.residentBytes > 1e6 && stat.residentBytes < stat.virtualBytes);
  assert.ok(stat.threads >= 2);
  assert.ok(stat.userSeconds + stat.systemSeconds > 0);
  const started = proc.startSeconds(stat.startTicks);
  assert.ok(Math.abs(started - (Date.now() / 1000 - process.uptime())) < 5, String(started));
  assert.equal(proc.startTicks(process.pid), stat.startTicks);
});
