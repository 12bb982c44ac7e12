import { limits } from '../model/limits.ts';

/** Whether the bytes at `at` are exactly `text` (given as bytes). */
export function equalBytes(bytes: Buffer, at: number, length: number, text: Uint8Array): boolean {
  if (length !== text.length) return false;
  for (let i = 0; i < length; i++) {
    if (bytes[at + i] !== text[i]) return false;
  }
  return true;
}

/** FNV-1a, 32 bits, signed: a key that a Map keeps without boxing. */
export function hashBytes(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash;
}

export function asciiBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

interface Interned {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * The few dozen state names of systemd, each made a string once. Bounded: the bus is the outside,
 * and beyond the limit (no systemd comes near it) a string is made each time.
 */
export class StringPool {
  private readonly byHash: Map<number, Interned> = new Map();

  get(bytes: Buffer, at: number, length: number): string {
    const hash = hashBytes(bytes, at, length);
    const found = this.byHash.get(hash);
    if (found && equalBytes(bytes, at, length, found.bytes)) return found.text;
    const text = bytes.toString('utf8', at, at + length);
    if (!found && length <= limits.internedBytes && this.byHash.size < limits.internedStrings)
      this.byHash.set(hash, { bytes: Uint8Array.from(bytes.subarray(at, at + length)), text });
    return text;
  }
}
