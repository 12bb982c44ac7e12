import { createRequire } from 'node:module';

/** A value as dbus-next's marshaller takes it: a variant is `[signature, value]`. */
export type Value = number | bigint | string | boolean | Uint8Array | readonly Value[];

export interface Message {
  readonly type: number;
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature?: string;
  readonly body?: readonly Value[];
}

/** What dbus-next makes of the bytes of a message. A variant is `[tree, [value]]`. */
export type Decoded = Omit<Message, 'body'> & { readonly body: readonly unknown[] };

interface DbusNext {
  marshall(message: Message): [Buffer, unknown[]];
  unmarshall(bytes: Buffer): Decoded;
}

/** dbus-next's own marshaller and unmarshaller, which it does not export. Little-endian only. */
export const dbusNext: DbusNext = createRequire(import.meta.url)('dbus-next/lib/message');

export const systemd = ':1.1';
export const types = { call: 1, return: 2, error: 3, signal: 4 } as const;

const fieldCodes = [
  ['path', 1, 'o'],
  ['interface', 2, 's'],
  ['member', 3, 's'],
  ['errorName', 4, 's'],
  ['replySerial', 5, 'u'],
  ['destination', 6, 's'],
  ['sender', 7, 's'],
  ['signature', 8, 'g'],
] as const;

/** Header fields beyond those of the specification, which readers have to pass over. */
export type ExtraFields = readonly (readonly [code: number, signature: string, value: Value])[];

/** A message in either byte order. D-Bus specification, "Marshaling (Wire Format)". */
export function encode(message: Message, big = false, extra: ExtraFields = []): Buffer {
  const body = new Encoder(big);
  const signature = message.signature ?? '';
  writeAll(body, signature, message.body ?? []);
  const fields: Value[] = extra.map(([code, sig, value]) => [code, [sig, value]]);
  for (const [name, code, sig] of fieldCodes) {
    const value = message[name];
    if (value !== undefined && value !== '') fields.push([code, [sig, value]]);
  }
  const header = new Encoder(big);
  const fixed = [big ? 0x42 : 0x6c, message.type, 0, 1, body.length, message.serial, fields];
  writeAll(header, 'yyyyuua(yv)', fixed);
  header.align(8);
  return Buffer.concat([header.finish(), body.finish()]);
}

function writeAll(into: Encoder, signature: string, values: readonly Value[]): void {
  let at = 0;
  for (const value of values) at = into.write(signature, at, value);
}

class Encoder {
  private readonly bytes: number[] = [];
  private readonly big: boolean;

  constructor(big: boolean) {
    this.big = big;
  }

  get length(): number {
    return this.bytes.length;
  }

  finish(): Buffer {
    return Buffer.from(this.bytes);
  }

  align(boundary: number): void {
    while (this.bytes.length % boundary !== 0) this.bytes.push(0);
  }

  /** Writes the complete type at `at`; answers where the next one starts. */
  write(signature: string, at: number, value: Value): number {
    const code = signature[at];
    switch (code) {
      case 'y':
        this.bytes.push(Number(value));
        return at + 1;
      case 'n':
      case 'q':
        return this.number(at, 2, BigInt(value as number));
      case 'b':
        return this.number(at, 4, value ? 1n : 0n);
      case 'i':
      case 'u':
      case 'h':
        return this.number(at, 4, BigInt(value as number));
      case 'x':
      case 't':
        return this.number(at, 8, BigInt(value as bigint));
      case 'd': {
        const bits = new DataView(new ArrayBuffer(8));
        bits.setFloat64(0, value as number);
        return this.number(at, 8, bits.getBigUint64(0));
      }
      case 's':
      case 'o':
      case 'g':
        return this.string(at, code, String(value));
      case 'v': {
        const [inner, held] = value as [string, Value];
        this.string(0, 'g', inner);
        this.write(inner, 0, held);
        return at + 1;
      }
      case 'a':
        return this.array(signature, at, value as readonly Value[]);
      default:
        return this.struct(signature, at, value as readonly Value[]);
    }
  }

  private number(at: number, size: number, value: bigint): number {
    this.align(size);
    for (let i = 0; i < size; i++) {
      const shift = BigInt((this.big ? size - 1 - i : i) * 8);
      this.bytes.push(Number((value >> shift) & 255n));
    }
    return at + 1;
  }

  private string(at: number, code: string, text: string): number {
    const utf8 = Buffer.from(text, 'utf8');
    if (code === 'g') this.bytes.push(utf8.length);
    else this.number(0, 4, BigInt(utf8.length));
    for (const byte of utf8) this.bytes.push(byte);
    this.bytes.push(0);
    return at + 1;
  }

  private array(signature: string, at: number, values: readonly Value[]): number {
    this.align(4);
    const lengthAt = this.bytes.length;
    this.number(0, 4, 0n);
    if ('xtd({'.includes(signature[at + 1] ?? '')) this.align(8);
    const start = this.bytes.length;
    for (const value of values) this.write(signature, at + 1, value);
    const length = new Encoder(this.big);
    length.number(0, 4, BigInt(this.bytes.length - start));
    length.bytes.forEach((byte, i) => {
      this.bytes[lengthAt + i] = byte;
    });
    return typeEnd(signature, at);
  }

  private struct(signature: string, at: number, values: readonly Value[]): number {
    this.align(8);
    let next = at + 1;
    for (const value of values) next = this.write(signature, next, value);
    return next + 1;
  }
}

/** Where the complete type at `at` ends. */
export function typeEnd(signature: string, at: number): number {
  const code = signature[at];
  if (code === 'a') return typeEnd(signature, at + 1);
  if (code !== '(' && code !== '{') return at + 1;
  let next = at + 1;
  while (signature[next] !== ')' && signature[next] !== '}') next = typeEnd(signature, next);
  return next + 1;
}

/** PropertiesChanged of a unit, as systemd sends it. */
export function propertiesChanged(
  label: string,
  changed: string,
  properties: readonly (readonly [key: string, signature: string, value: Value])[],
  more: Partial<Message> = {},
): Message {
  return {
    type: types.signal,
    serial: 7,
    path: `/org/freedesktop/systemd1/unit/${label}`,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'PropertiesChanged',
    sender: systemd,
    signature: 'sa{sv}as',
    body: [
      `org.freedesktop.systemd1.${changed}`,
      properties.map(([key, signature, value]) => [key, [signature, value]]),
      ['ExecStart'],
    ],
    ...more,
  };
}

/** A signal of systemd's manager. */
export function managerSignal(
  member: string,
  signature: string,
  body: readonly Value[],
  more: Partial<Message> = {},
): Message {
  return {
    type: types.signal,
    serial: 8,
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member,
    sender: systemd,
    signature,
    body,
    ...more,
  };
}

export function nameOwnerChanged(name: string, owner: string, sender: string): Message {
  return {
    type: types.signal,
    serial: 9,
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
    member: 'NameOwnerChanged',
    sender,
    signature: 'sss',
    body: [name, ':1.0', owner],
  };
}
