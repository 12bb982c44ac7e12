import { limits } from '../model/limits.ts';

/**
 * Why a message was given up. Thrown as one shared object: a stack trace for each bad message
 * would cost more than the message, and nobody reads it.
 */
export const malformed: Error = new Error('malformed D-Bus message');

/**
 * Walks the bytes of one D-Bus message without making objects or strings.
 * Marshalling: D-Bus specification, chapter "Message Protocol". Alignment counts from the start of
 * the message, so `base` is where it begins in `bytes`.
 */
export class Wire {
  bytes: Buffer = Buffer.alloc(0);
  base = 0;
  pos = 0;
  end = 0;
  big = false;

  reset(bytes: Buffer, base: number, end: number, big: boolean): void {
    this.bytes = bytes;
    this.base = base;
    this.pos = base;
    this.end = end;
    this.big = big;
  }

  align(boundary: 2 | 4 | 8): void {
    this.pos = this.base + ((this.pos - this.base + boundary - 1) & -boundary);
    if (this.pos > this.end) throw malformed;
  }

  u8(): number {
    if (this.pos >= this.end) throw malformed;
    return this.bytes[this.pos++] as number;
  }

  /** Signed 32 bits, aligned: also what a word of the InvocationID is kept as. */
  i32(): number {
    this.align(4);
    const at = this.pos;
    if (at + 4 > this.end) throw malformed;
    this.pos = at + 4;
    const b = this.bytes;
    return this.big
      ? ((b[at] as number) << 24) |
          ((b[at + 1] as number) << 16) |
          ((b[at + 2] as number) << 8) |
          (b[at + 3] as number)
      : (b[at] as number) |
          ((b[at + 1] as number) << 8) |
          ((b[at + 2] as number) << 16) |
          ((b[at + 3] as number) << 24);
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  /** 64 bits as a double: exact up to 2^53, which microseconds since 1970 stay below. */
  u64(): number {
    this.align(8);
    const first = this.u32();
    const second = this.u32();
    return this.big ? first * 4_294_967_296 + second : second * 4_294_967_296 + first;
  }

  /** Length of the string or path at the cursor, which then stands at its first byte. */
  stringLength(): number {
    const length = this.u32();
    if (length > this.end - this.pos - 1) throw malformed;
    return length;
  }

  /** Makes a string: only for what is seldom read. Bytes that are no UTF-8 become U+FFFD. */
  string(): string {
    const length = this.stringLength();
    const text = this.bytes.toString('utf8', this.pos, this.pos + length);
    this.pos += length + 1;
    return text;
  }

  skipString(): void {
    const length = this.stringLength();
    this.pos += length + 1;
  }

  /** Length in bytes of the array at the cursor, which then stands at its first element. */
  arrayLength(elementAlign: 1 | 2 | 4 | 8): number {
    const length = this.u32();
    if (elementAlign !== 1) this.align(elementAlign);
    if (length > this.end - this.pos) throw malformed;
    return length;
  }

  /** Skips one value whose complete type starts at `sig`; returns where the next type starts. */
  skip(sig: number, sigEnd: number, depth: number): number {
    if (sig >= sigEnd || depth > limits.nesting) throw malformed;
    switch (this.bytes[sig]) {
      case 0x79: // y
        this.advance(1);
        return sig + 1;
      case 0x6e: // n
      case 0x71: // q
        this.align(2);
        this.advance(2);
        return sig + 1;
      case 0x62: // b
      case 0x69: // i
      case 0x75: // u
      case 0x68: // h
        this.align(4);
        this.advance(4);
        return sig + 1;
      case 0x78: // x
      case 0x74: // t
      case 0x64: // d
        this.align(8);
        this.advance(8);
        return sig + 1;
      case 0x73: // s
      case 0x6f: // o
        this.skipString();
        return sig + 1;
      case 0x67: // g
        this.advance(this.u8() + 1);
        return sig + 1;
      case 0x76: // v
        this.skipVariant(depth + 1);
        return sig + 1;
      case 0x61: // a
        this.advance(this.arrayLength(this.alignOf(sig + 1, sigEnd)));
        return this.typeEnd(sig + 1, sigEnd, depth + 1);
      case 0x28: // (
        return this.skipStruct(sig, sigEnd, depth);
      default:
        throw malformed;
    }
  }

  private skipStruct(sig: number, sigEnd: number, depth: number): number {
    this.align(8);
    let next = sig + 1;
    while (this.bytes[next] !== 0x29) next = this.skip(next, sigEnd, depth + 1);
    return next + 1;
  }

  private skipVariant(depth: number): void {
    const length = this.u8();
    const sig = this.pos;
    this.advance(length + 1);
    if (this.skip(sig, sig + length, depth) !== sig + length) throw malformed;
  }

  private advance(bytes: number): void {
    this.pos += bytes;
    if (this.pos > this.end) throw malformed;
  }

  private alignOf(sig: number, sigEnd: number): 1 | 2 | 4 | 8 {
    if (sig >= sigEnd) throw malformed;
    switch (this.bytes[sig]) {
      case 0x79: // y
      case 0x67: // g
      case 0x76: // v
        return 1;
      case 0x6e: // n
      case 0x71: // q
        return 2;
      case 0x78: // x
      case 0x74: // t
      case 0x64: // d
      case 0x28: // (
      case 0x7b: // {
        return 8;
      default:
        return 4;
    }
  }

  /** Where the complete type at `sig` ends: an array's elements are never walked one by one. */
  private typeEnd(sig: number, sigEnd: number, depth: number): number {
    if (sig >= sigEnd || depth > limits.nesting) throw malformed;
    const code = this.bytes[sig];
    if (code === 0x61) return this.typeEnd(sig + 1, sigEnd, depth + 1);
    if (code !== 0x28 && code !== 0x7b) return sig + 1;
    const close = code === 0x28 ? 0x29 : 0x7d;
    let next = sig + 1;
    while (next < sigEnd && this.bytes[next] !== close)
      next = this.typeEnd(next, sigEnd, depth + 1);
    if (next >= sigEnd) throw malformed;
    return next + 1;
  }
}
