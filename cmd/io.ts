import type { Writable } from 'node:stream';

/** What a command writes to, and what it knows of the world. */
export interface CommandIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}
