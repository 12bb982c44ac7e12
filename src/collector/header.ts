import { limits } from '../model/limits.ts';
import { malformed, type Wire } from './wire.ts';

/** D-Bus message types, D-Bus specification "Message Format". */
export const messageType = { call: 1, return: 2, error: 3, signal: 4 } as const;

/** UNIX_FDS, the last header field of the specification. */
const lastField = 9;

/** Bytes that must have arrived before a message's length can be told. */
export const fixedHeaderBytes = 16;

/**
 * Where the parts of one message stand in the buffer. One instance is filled again for each
 * message: offsets instead of strings, so that what nobody watches costs no garbage.
 */
export class Header {
  type = 0;
  big = false;
  serial = 0;
  replySerial = 0;
  pathAt = 0;
  pathLength = 0;
  interfaceAt = 0;
  interfaceLength = 0;
  memberAt = 0;
  memberLength = 0;
  senderAt = 0;
  senderLength = 0;
  errorAt = 0;
  errorLength = 0;
  signatureAt = 0;
  signatureLength = 0;
  bodyAt = 0;
}

/**
 * Length in bytes of the whole message that starts at `at`; NaN where the bytes cannot be the
 * start of a message, after which nothing on the stream can be trusted.
 */
export function messageLength(bytes: Buffer, at: number): number {
  const order = bytes[at];
  const type = bytes[at + 1] as number;
  if ((order !== 0x6c && order !== 0x42) || type === 0 || bytes[at + 3] !== 1) return Number.NaN;
  const big = order === 0x42;
  const body = big ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4);
  const fields = big ? bytes.readUInt32BE(at + 12) : bytes.readUInt32LE(at + 12);
  const total = fixedHeaderBytes + ((fields + 7) & ~7) + body;
  return fields > limits.messageBytes || total > limits.messageBytes ? Number.NaN : total;
}

/** Length in bytes of the header alone, of a message whose length is known to be one. */
export function headerLength(bytes: Buffer, at: number): number {
  const fields = bytes[at] === 0x42 ? bytes.readUInt32BE(at + 12) : bytes.readUInt32LE(at + 12);
  return fixedHeaderBytes + ((fields + 7) & ~7);
}

/** Reads the header of the message that `wire` stands at the start of. Throws `malformed`. */
export function readHeader(wire: Wire, into: Header): void {
  into.big = wire.bytes[wire.base] === 0x42;
  wire.big = into.big;
  into.type = wire.bytes[wire.base + 1] as number;
  into.replySerial = 0;
  into.pathLength = 0;
  into.interfaceLength = 0;
  into.memberLength = 0;
  into.senderLength = 0;
  into.errorLength = 0;
  into.signatureLength = 0;
  wire.pos = wire.base + 8;
  into.serial = wire.u32();
  const fieldsEnd = wire.arrayLength(8) + wire.pos;
  while (wire.pos < fieldsEnd) readField(wire, into);
  if (wire.pos !== fieldsEnd) throw malformed;
  wire.align(8);
  into.bodyAt = wire.pos;
}

function readField(wire: Wire, into: Header): void {
  wire.align(8);
  const code = wire.u8();
  const sigLength = wire.u8();
  const sig = wire.pos;
  wire.pos = sig + sigLength + 1;
  // Fields that are not known are passed over, as the specification asks; they may hold anything.
  if (sigLength !== 1 || code > lastField) {
    if (wire.pos > wire.end || wire.skip(sig, sig + sigLength, 0) !== sig + sigLength)
      throw malformed;
    return;
  }
  switch (wire.bytes[sig]) {
    case 0x73: // s
    case 0x6f: // o
      readStringField(wire, into, code);
      return;
    case 0x67: {
      // g
      const length = wire.u8();
      if (length > wire.end - wire.pos - 1) throw malformed;
      if (code === 8) {
        into.signatureAt = wire.pos;
        into.signatureLength = length;
      }
      wire.pos += length + 1;
      return;
    }
    case 0x75: {
      // u
      const value = wire.u32();
      if (code === 5) into.replySerial = value;
      return;
    }
    default:
      wire.skip(sig, sig + 1, 0);
  }
}

function readStringField(wire: Wire, into: Header, code: number): void {
  const length = wire.stringLength();
  const at = wire.pos;
  wire.pos = at + length + 1;
  switch (code) {
    case 1:
      into.pathAt = at;
      into.pathLength = length;
      return;
    case 2:
      into.interfaceAt = at;
      into.interfaceLength = length;
      return;
    case 3:
      into.memberAt = at;
      into.memberLength = length;
      return;
    case 4:
      into.errorAt = at;
      into.errorLength = length;
      return;
    case 7:
      into.senderAt = at;
      into.senderLength = length;
      return;
  }
}
