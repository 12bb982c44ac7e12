import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A directory of this test file alone, gone when its tests are done. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'unitwatch-config-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
