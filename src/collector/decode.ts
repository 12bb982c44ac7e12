import { limits } from '../model/limits.ts';
import { newUnitState, type UnitState } from '../model/unit.ts';
import { asciiBytes, equalBytes } from './bytes.ts';
import { fixedHeaderBytes, Header, messageLength, messageType, readHeader } from './header.ts';
import { copyState, PropertyWalker, type UnitFacts } from './properties.ts';
import { readTimer, type TimerFacts } from './timer-properties.ts';
import { malformed, Wire } from './wire.ts';

/** A followed unit, as far as the decoder needs to know it. */
export interface Followed {
  readonly state: Readonly<UnitState>;
}

/** Where decoded messages go. One call each; nothing that is passed may be kept. */
export interface DecoderSink<U extends Followed> {
  /** The followed unit whose escaped name (the path's last part) stands at `at`. */
  find(bytes: Buffer, at: number, length: number): U | undefined;
  /** The unit's state is complete: compare, tell, keep. */
  changed(unit: U, next: UnitState): void;
  /** A timer unit has changed, followed or not; `label` is the last part of its path. */
  timer?(label: string, facts: TimerFacts): void;
  unitNew(name: string): void;
  unitRemoved(name: string): void;
  jobRemoved(jobId: number, unit: string, result: string): void;
  reloading(active: boolean): void;
  /** The bus name of systemd changed hands; empty while nobody has it. */
  ownerChanged(owner: string): void;
  /** An answer: to GetAll it has properties, to everything else a string or nothing. */
  reply(serial: number, reply: Reply): void;
}

export type Reply =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'error'; readonly name: string; readonly text: string }
  | {
      readonly kind: 'properties';
      readInto(state: UnitState, facts: UnitFacts): boolean;
      /** Reads the dictionary in another way; undefined where it is malformed. */
      read<T>(reader: (wire: Wire) => T): T | undefined;
    };

export interface DecoderCounters {
  /** Signals read, whatever about. */
  signals: number;
  /** Of those, property changes of followed units. */
  watched: number;
  /** Messages skipped: no valid D-Bus, or not what their interface declares. */
  malformed: number;
}

const text = {
  unitPaths: asciiBytes('/org/freedesktop/systemd1/unit/'),
  properties: asciiBytes('org.freedesktop.DBus.Properties'),
  changed: asciiBytes('PropertiesChanged'),
  changedSignature: asciiBytes('sa{sv}as'),
  timerLabel: asciiBytes('_2etimer'),
  unitInterface: asciiBytes('org.freedesktop.systemd1.Unit'),
  manager: asciiBytes('org.freedesktop.systemd1.Manager'),
  bus: asciiBytes('org.freedesktop.DBus'),
  nameOwnerChanged: asciiBytes('NameOwnerChanged'),
  allProperties: asciiBytes('a{sv}'),
  string: asciiBytes('s'),
};
const systemdName = 'org.freedesktop.systemd1';
const timerInterface = 'org.freedesktop.systemd1.Timer';

/** Signals of org.freedesktop.systemd1.Manager that mean something here, with their types. */
const managerSignals = (
  [
    ['UnitNew', 'so'],
    ['UnitRemoved', 'so'],
    ['JobRemoved', 'uoss'],
    ['Reloading', 'b'],
  ] as const
).map(([name, signature]) => ({
  name,
  member: asciiBytes(name),
  signature: asciiBytes(signature),
}));

/**
 * Turns the bytes of a bus connection into calls of a sink. Only systemd is believed: the bus lets
 * any process send a signal straight to a connection, past every match rule.
 *
 * systemd tells a change in two signals, the type's interface first and Unit last; the state is
 * consistent after the second (bus_unit_send_change_signal, src/core/dbus-unit.c). So the first is
 * kept in `next` until the second completes it.
 */
export class Decoder<U extends Followed> {
  readonly counters: DecoderCounters = { signals: 0, watched: 0, malformed: 0 };
  private readonly sink: DecoderSink<U>;
  private readonly wire: Wire = new Wire();
  private readonly header: Header = new Header();
  private readonly walker: PropertyWalker = new PropertyWalker();
  private readonly facts: UnitFacts = { loadState: '', cgroup: '', restartPolicy: '' };
  private readonly next: UnitState = newUnitState();
  private pending: U | undefined;
  private systemd: Uint8Array | undefined = new Uint8Array(0);

  constructor(sink: DecoderSink<U>) {
    this.sink = sink;
  }

  /**
   * The unique name that systemd has on this bus now; signals of all others are ignored.
   * Undefined, for recordings only, believes everybody.
   */
  trust(owner: string | undefined): void {
    this.systemd = owner === undefined ? undefined : asciiBytes(owner);
    this.pending = undefined;
  }

  /**
   * Takes the complete messages between `start` and `end`. Returns where the first incomplete one
   * begins, or NaN when the bytes cannot be D-Bus: then the connection is of no more use.
   */
  take(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (end - at >= fixedHeaderBytes) {
      const length = messageLength(bytes, at);
      if (!(length <= end - at)) return Number.isNaN(length) ? length : at;
      this.message(bytes, at, at + length);
      at += length;
    }
    return at;
  }

  private message(bytes: Buffer, start: number, end: number): void {
    const { wire, header } = this;
    try {
      wire.reset(bytes, start, end, false);
      readHeader(wire, header);
      if (header.type === messageType.signal) this.signal();
      else if (header.type === messageType.return || header.type === messageType.error)
        this.answer();
    } catch (error) {
      if (error !== malformed) throw error;
      this.counters.malformed++;
      this.pending = undefined;
    }
  }

  private signal(): void {
    const { wire } = this;
    this.counters.signals++;
    if (this.isFromSystemd()) {
      if (this.interfaceIs(text.properties)) this.propertiesChanged();
      else if (this.interfaceIs(text.manager)) this.managerSignal();
    } else if (
      this.interfaceIs(text.bus) &&
      this.isFromBus() &&
      this.memberIs(text.nameOwnerChanged) &&
      wire.string() === systemdName
    ) {
      wire.skipString();
      this.sink.ownerChanged(wire.string());
    }
  }

  private propertiesChanged(): void {
    const { header, wire } = this;
    const bytes = wire.bytes;
    const prefix = text.unitPaths.length;
    if (header.pathLength <= prefix || !this.memberIs(text.changed)) return;
    if (!equalBytes(bytes, header.pathAt, prefix, text.unitPaths)) return;
    const end = header.pathAt + header.pathLength;
    const ending = text.timerLabel.length;
    if (equalBytes(bytes, end - ending, ending, text.timerLabel)) this.timerChanged(end);
    const unit = this.sink.find(bytes, header.pathAt + prefix, header.pathLength - prefix);
    if (unit === undefined) return;
    if (!this.signatureIs(text.changedSignature)) throw malformed;
    this.counters.watched++;
    const length = wire.stringLength();
    const isLast = equalBytes(bytes, wire.pos, length, text.unitInterface);
    wire.pos += length + 1;
    this.begin(unit);
    this.walker.walk(wire, this.next, this.facts);
    if (isLast) this.commit();
  }

  /** A timer may be followed as well: the cursor stays where it is. */
  private timerChanged(pathEnd: number): void {
    const { wire, header, sink } = this;
    if (sink.timer === undefined || !this.signatureIs(text.changedSignature)) return;
    const { pos } = wire;
    if (wire.string() === timerInterface) {
      const from = header.pathAt + text.unitPaths.length;
      sink.timer(wire.bytes.toString('latin1', from, pathEnd), readTimer(wire));
    }
    wire.pos = pos;
  }

  /** Makes `next` the state of `unit` to write into, unless its first half is already in there. */
  private begin(unit: U): void {
    if (this.pending === unit) return;
    this.commit();
    copyState(unit.state, this.next);
    this.pending = unit;
  }

  private commit(): void {
    const unit = this.pending;
    if (unit === undefined) return;
    this.pending = undefined;
    this.sink.changed(unit, this.next);
  }

  private managerSignal(): void {
    const { wire, sink } = this;
    const kind = managerSignals.find(({ member }) => this.memberIs(member));
    if (kind === undefined) return;
    if (!this.signatureIs(kind.signature)) throw malformed;
    if (kind.name === 'UnitNew') {
      sink.unitNew(this.unitName());
    } else if (kind.name === 'UnitRemoved') {
      sink.unitRemoved(this.unitName());
    } else if (kind.name === 'Reloading') {
      sink.reloading(wire.u32() !== 0);
    } else {
      const id = wire.u32();
      wire.skipString();
      sink.jobRemoved(id, this.unitName(), wire.string());
    }
  }

  private unitName(): string {
    const name = this.wire.string();
    if (name.length > limits.unitNameBytes) throw malformed;
    return name;
  }

  private answer(): void {
    const { header, wire, sink } = this;
    // Nobody else is ever asked; a bus may let strangers answer all the same.
    if (!this.isFromSystemd() && !this.isFromBus()) throw malformed;
    const serial = header.replySerial;
    if (header.type === messageType.error) {
      const name = wire.bytes.toString(
        'latin1',
        header.errorAt,
        header.errorAt + header.errorLength,
      );
      const hasText = header.signatureLength > 0 && wire.bytes[header.signatureAt] === 0x73;
      sink.reply(serial, { kind: 'error', name, text: hasText ? wire.string() : '' });
    } else if (this.signatureIs(text.allProperties)) {
      if (!this.isFromSystemd()) throw malformed;
      sink.reply(serial, {
        kind: 'properties',
        readInto: (state, facts) =>
          this.readReply((wire) => {
            this.walker.walk(wire, state, facts);
            return true;
          }) === true,
        read: (reader) => this.readReply(reader),
      });
    } else if (this.signatureIs(text.string)) {
      sink.reply(serial, { kind: 'text', text: wire.string() });
    } else {
      sink.reply(serial, { kind: 'empty' });
    }
  }

  /** Reads a GetAll reply; undefined, with nothing written that counts, when it is malformed. */
  private readReply<T>(reader: (wire: Wire) => T): T | undefined {
    try {
      return reader(this.wire);
    } catch (error) {
      if (error !== malformed) throw error;
      this.counters.malformed++;
      return undefined;
    }
  }

  private isFromSystemd(): boolean {
    const { senderAt, senderLength } = this.header;
    if (this.systemd === undefined) return true;
    // Without systemd on the bus its name is empty; a message without a sender is not from it.
    return senderLength > 0 && equalBytes(this.wire.bytes, senderAt, senderLength, this.systemd);
  }

  private isFromBus(): boolean {
    const { senderAt, senderLength } = this.header;
    return equalBytes(this.wire.bytes, senderAt, senderLength, text.bus);
  }

  private interfaceIs(name: Uint8Array): boolean {
    return equalBytes(this.wire.bytes, this.header.interfaceAt, this.header.interfaceLength, name);
  }

  private memberIs(name: Uint8Array): boolean {
    return equalBytes(this.wire.bytes, this.header.memberAt, this.header.memberLength, name);
  }

  private signatureIs(signature: Uint8Array): boolean {
    const { signatureAt, signatureLength } = this.header;
    return equalBytes(this.wire.bytes, signatureAt, signatureLength, signature);
  }
}
