import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { messageLength } from '../../src/collector/header.ts';

/** Path of a file under test/fixtures, also from compiled tests. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url));
}

/** A capture that bench/record.ts made: bus messages one after the other. */
export function capture(name: 'storm' | 'life'): Buffer {
  return gunzipSync(readFileSync(fixturePath(`${name}.dbus.gz`)));
}

/** The single messages of a capture. */
export function messagesIn(bytes: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = messageLength(bytes, at);
    all.push(bytes.subarray(at, at + length));
    at += length;
  }
  return all;
}
