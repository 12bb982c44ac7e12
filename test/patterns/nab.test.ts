import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nabBench, nabScores } from '../../bench/nab.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const nab = join(root, '..', 'shared', 'nab');

it('says in one line that the benchmark is not there', () => {
  const lines: string[] = [];
  nabBench(join(root, 'nowhere'), false, (line) => lines.push(line));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /nothing measured/);
});

it('reaches its goal on the benchmark where it is there', () => {
  const scores = nabScores(nab);
  assert.equal(scores !== undefined, existsSync(nab));
  const [standard, lowFp] = scores ?? [100, 100];
  assert.ok((standard ?? 0) >= 70 && (lowFp ?? 0) >= 60, `${scores}`);
});
