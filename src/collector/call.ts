/** One method call whose arguments are all strings: every call of the signal connection. */
export interface StringCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly args: readonly string[];
}

/** The call as bytes, little-endian. D-Bus specification, "Message Format". */
export function encodeCall(serial: number, call: StringCall): Buffer {
  const body = new Writer();
  for (const arg of call.args) body.string(arg);
  const header = new Writer();
  header.bytes([0x6c, 1, 0, 1]);
  header.u32(body.length);
  header.u32(serial);
  const fields = new Writer();
  fields.field(1, 'o', call.path);
  fields.field(2, 's', call.interface);
  fields.field(3, 's', call.member);
  fields.field(6, 's', call.destination);
  if (call.args.length > 0) fields.signature('s'.repeat(call.args.length));
  header.u32(fields.length);
  const start = header.finish();
  const rest = fields.finish();
  const padding = Buffer.alloc((8 - ((start.length + rest.length) & 7)) & 7);
  return Buffer.concat([start, rest, padding, body.finish()]);
}

class Writer {
  private readonly parts: number[] = [];

  get length(): number {
    return this.parts.length;
  }

  finish(): Buffer {
    return Buffer.from(this.parts);
  }

  bytes(values: Iterable<number>): void {
    for (const value of values) this.parts.push(value);
  }

  u32(value: number): void {
    this.align(4);
    this.bytes([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]);
  }

  string(text: string): void {
    const utf8 = Buffer.from(text, 'utf8');
    this.u32(utf8.length);
    this.bytes(utf8);
    this.parts.push(0);
  }

  field(code: number, type: 'o' | 's', value: string): void {
    this.align(8);
    this.bytes([code, 1, type.charCodeAt(0), 0]);
    this.string(value);
  }

  signature(value: string): void {
    this.align(8);
    this.bytes([8, 1, 0x67, 0, value.length, ...Buffer.from(value, 'latin1'), 0]);
  }

  private align(boundary: number): void {
    while (this.parts.length % boundary !== 0) this.parts.push(0);
  }
}
