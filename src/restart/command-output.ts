import type { Readable } from 'node:stream';
import { lastLines } from '../model/command-lines.ts';

/** Kept of what a command prints: its last lines say why it failed. */
const keptBytes = 4_096;

/** The end of a stream: all of it is read, so that nobody waits for a reader, and little is kept. */
export class Tail {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => this.add(chunk));
    // A pipe that breaks ends the output, not the command.
    stream.on('error', () => {});
  }

  private add(chunk: Buffer): void {
    this.parts.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes <= 4 * keptBytes) return;
    const kept = Buffer.from(Buffer.concat(this.parts).subarray(-keptBytes));
    this.parts = [kept];
    this.bytes = kept.length;
  }

  /** The last line that is not empty, fit to be shown; empty where there is none. */
  lastLine(): string {
    const text = Buffer.concat(this.parts).subarray(-keptBytes).toString('utf8');
    return lastLines(text, 1)[0] ?? '';
  }
}
