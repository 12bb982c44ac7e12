/** A seeded generator of 32-bit numbers: mulberry32. The same seed, the same numbers. */
export class Chance {
  private state: number;

  constructor(seed: number) {
    this.state = seed;
  }

  /** From 0 to `below - 1`. */
  below(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }
}

type Mutation = (bytes: Buffer, chance: Chance) => Buffer;

/** Lengths that lie: nothing, a little more than there is, the sign bit, the most. */
const lies = [0, 1, 7, 8, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];
const signatures = [
  's',
  'v',
  'a{sv}',
  'aaaaaaaas',
  '((((',
  '))))',
  'a',
  'a{',
  'z',
  'ay',
  '(ii)',
  '',
];

/** 4-aligned places look like a length, and most are one. */
function aligned(bytes: Buffer, chance: Chance): number {
  return chance.below(Math.max(1, Math.floor(bytes.length / 4) - 1)) * 4;
}

const mutations: readonly Mutation[] = [
  // One to eight bits fall over.
  (bytes, chance) => {
    for (let n = chance.below(8); n >= 0; n--) {
      const at = chance.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << chance.below(8));
    }
    return bytes;
  },
  (bytes, chance) => {
    bytes[chance.below(bytes.length)] = chance.below(256);
    return bytes;
  },
  // It breaks off, and its header still promises the rest.
  (bytes, chance) => bytes.subarray(0, chance.below(bytes.length)),
  // It breaks off, and its header knows.
  (bytes, chance) => {
    const cut = bytes.subarray(0, 16 + chance.below(Math.max(1, bytes.length - 16)));
    const body = cut.length - 16 - ((bytes.readUInt32LE(12) + 7) & ~7);
    if (body >= 0) cut.writeUInt32LE(body, 4);
    return cut;
  },
  // A length lies, anywhere; or one of the two in the header.
  (bytes, chance) => {
    bytes.writeUInt32LE(chance.pick(lies), aligned(bytes, chance));
    return bytes;
  },
  (bytes, chance) => {
    bytes.writeUInt32LE(chance.below(bytes.length * 2), aligned(bytes, chance));
    return bytes;
  },
  (bytes, chance) => {
    bytes.writeUInt32LE(chance.pick(lies), chance.pick([4, 12]));
    return bytes;
  },
  // It says that it is big-endian, and is not.
  (bytes) => {
    bytes[0] = 0x42;
    return bytes;
  },
  // A string of another kind stands somewhere: a wrong signature, if it hits one.
  (bytes, chance) => {
    const text = chance.pick(signatures);
    bytes.write(text, chance.below(bytes.length), 'latin1');
    return bytes;
  },
  // Every signature of a variant is replaced by one of the same length.
  (bytes, chance) => {
    for (let at = 16; at + 2 < bytes.length; at++) {
      const isSignature = bytes[at] === 1 && bytes[at + 2] === 0;
      if (isSignature && chance.below(4) === 0)
        bytes[at + 1] = chance.pick([...'ybnqiuxtdsogvah(z']).charCodeAt(0);
    }
    return bytes;
  },
  // A piece is doubled, or taken out.
  (bytes, chance) => {
    const at = chance.below(bytes.length);
    const piece = bytes.subarray(at, at + chance.below(64));
    return Buffer.concat([bytes.subarray(0, at), piece, piece, bytes.subarray(at + piece.length)]);
  },
  (bytes, chance) => {
    const at = chance.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(64))]);
  },
  // Variants in variants in variants: `v` with one more inside, as far as the bytes go.
  (bytes, chance) => {
    const at = chance.below(bytes.length);
    for (let i = at; i + 3 <= bytes.length && i < at + 3 * chance.below(200); i += 3)
      bytes.write('\x01v\0', i, 'latin1');
    return bytes;
  },
];

/** A copy of `original` with one to three things wrong. */
export function mutated(original: Buffer, chance: Chance): Buffer {
  let bytes = Buffer.from(original);
  for (let n = chance.below(3); n >= 0 && bytes.length >= 32; n--)
    bytes = Buffer.from(chance.pick(mutations)(bytes, chance));
  return bytes;
}
