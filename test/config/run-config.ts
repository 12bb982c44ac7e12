import { Writable } from 'node:stream';
import { config } from '../../cmd/config.ts';

/** What a command gave back and wrote. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** `unitwatch config`, in this process. */
export async function runConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const texts = { out: '', err: '' };
  const into = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const status = await config(argv, { stdout: into('out'), stderr: into('err'), env });
  return { status, ...texts };
}
