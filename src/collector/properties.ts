import { isActiveState, type UnitState } from '../model/unit.ts';
import { asciiBytes, equalBytes, StringPool } from './bytes.ts';
import { malformed, type Wire } from './wire.ts';

/** What a read of all properties knows beyond the state that signals carry. */
export interface UnitFacts {
  loadState: string;
  cgroup: string;
  /** Restart= of a service, systemd.service(5); empty for other units. */
  restartPolicy: string;
}

/** Fills one field from the value at the cursor, which has the type that the property declares. */
type Reader = (wire: Wire, state: UnitState, pool: StringPool, facts: UnitFacts) => void;

interface Property {
  readonly key: Uint8Array;
  /** Its D-Bus type, as org.freedesktop.systemd1(5) declares it. */
  readonly signature: Uint8Array;
  readonly read: Reader;
}

function text(wire: Wire, pool: StringPool): string {
  const length = wire.stringLength();
  const at = wire.pos;
  wire.pos = at + length + 1;
  return pool.get(wire.bytes, at, length);
}

/** 16 bytes, or none where the unit has never run. */
function readInvocation(wire: Wire, state: UnitState): void {
  const length = wire.arrayLength(1);
  const b = wire.bytes;
  const at = wire.pos;
  wire.pos += length;
  const known = length === 16;
  state.invocation0 = known ? b.readInt32BE(at) : 0;
  state.invocation1 = known ? b.readInt32BE(at + 4) : 0;
  state.invocation2 = known ? b.readInt32BE(at + 8) : 0;
  state.invocation3 = known ? b.readInt32BE(at + 12) : 0;
}

function readJob(wire: Wire, state: UnitState): void {
  wire.align(8);
  state.jobId = wire.u32();
  wire.skipString();
}

const readers: Readonly<Record<string, readonly [signature: string, read: Reader]>> = {
  ActiveState: [
    's',
    (wire, state, pool) => {
      const word = text(wire, pool);
      if (!isActiveState(word)) throw malformed;
      state.activeState = word;
    },
  ],
  SubState: ['s', (wire, state, pool) => (state.subState = text(wire, pool))],
  InvocationID: ['ay', readInvocation],
  Job: ['(uo)', readJob],
  StateChangeTimestamp: ['t', (wire, state) => (state.stateChangeUs = wire.u64())],
  InactiveExitTimestamp: ['t', (wire, state) => (state.inactiveExitUs = wire.u64())],
  ActiveEnterTimestamp: ['t', (wire, state) => (state.activeEnterUs = wire.u64())],
  ActiveExitTimestamp: ['t', (wire, state) => (state.activeExitUs = wire.u64())],
  InactiveEnterTimestamp: ['t', (wire, state) => (state.inactiveEnterUs = wire.u64())],
  Result: ['s', (wire, state, pool) => (state.result = text(wire, pool))],
  NRestarts: ['u', (wire, state) => (state.nRestarts = wire.u32())],
  MainPID: ['u', (wire, state) => (state.mainPid = wire.u32())],
  ControlPID: ['u', (wire, state) => (state.controlPid = wire.u32())],
  ExecMainPID: ['u', (wire, state) => (state.execMainPid = wire.u32())],
  ExecMainCode: ['i', (wire, state) => (state.execMainCode = wire.i32())],
  ExecMainStatus: ['i', (wire, state) => (state.execMainStatus = wire.i32())],
  ExecMainStartTimestamp: ['t', (wire, state) => (state.execMainStartUs = wire.u64())],
  ExecMainExitTimestamp: ['t', (wire, state) => (state.execMainExitUs = wire.u64())],
  LoadState: ['s', (wire, _state, pool, facts) => (facts.loadState = text(wire, pool))],
  Restart: ['s', (wire, _state, pool, facts) => (facts.restartPolicy = text(wire, pool))],
  ControlGroup: ['s', (wire, _state, _pool, facts) => (facts.cgroup = wire.string())],
};

/** Slot of a key by its length, first and last byte: most unwanted keys find an empty slot. */
function slotOf(bytes: Uint8Array, at: number, length: number): number {
  return (length * 7 + (bytes[at] as number) * 3 + (bytes[at + length - 1] as number)) & 1023;
}

const slots: (readonly Property[] | undefined)[] = new Array(1024).fill(undefined);
for (const [name, [signature, read]] of Object.entries(readers)) {
  const key = asciiBytes(name);
  const slot = slotOf(key, 0, key.length);
  slots[slot] = [...(slots[slot] ?? []), { key, signature: asciiBytes(signature), read }];
}

function find(bytes: Buffer, at: number, length: number): Property | undefined {
  if (length === 0) return undefined;
  const candidates = slots[slotOf(bytes, at, length)];
  if (candidates === undefined) return undefined;
  for (const property of candidates) {
    if (equalBytes(bytes, at, length, property.key)) return property;
  }
  return undefined;
}

/**
 * Reads a dictionary of properties (`a{sv}`) into a state, in place: the known ones; the others
 * are stepped over. One walker serves signals and the replies of GetAll, whose bodies are alike.
 */
export class PropertyWalker {
  private readonly pool: StringPool = new StringPool();

  /** Throws `malformed`; the state is then half written and must not be used. */
  walk(wire: Wire, state: UnitState, facts: UnitFacts): void {
    const end = wire.arrayLength(8) + wire.pos;
    while (wire.pos < end) {
      wire.align(8);
      const keyLength = wire.stringLength();
      const key = wire.pos;
      wire.pos = key + keyLength + 1;
      const sigLength = wire.u8();
      const sig = wire.pos;
      wire.pos = sig + sigLength + 1;
      if (wire.pos > end) throw malformed;
      const property = find(wire.bytes, key, keyLength);
      if (property && equalBytes(wire.bytes, sig, sigLength, property.signature))
        property.read(wire, state, this.pool, facts);
      else if (wire.skip(sig, sig + sigLength, 0) !== sig + sigLength) throw malformed;
    }
    if (wire.pos !== end) throw malformed;
  }
}

/** Copies field by field: a spread would make an object for each signal. */
export function copyState(from: Readonly<UnitState>, to: UnitState): void {
  to.activeState = from.activeState;
  to.subState = from.subState;
  to.result = from.result;
  to.invocation0 = from.invocation0;
  to.invocation1 = from.invocation1;
  to.invocation2 = from.invocation2;
  to.invocation3 = from.invocation3;
  to.nRestarts = from.nRestarts;
  to.mainPid = from.mainPid;
  to.controlPid = from.controlPid;
  to.execMainPid = from.execMainPid;
  to.execMainCode = from.execMainCode;
  to.execMainStatus = from.execMainStatus;
  to.execMainStartUs = from.execMainStartUs;
  to.execMainExitUs = from.execMainExitUs;
  to.stateChangeUs = from.stateChangeUs;
  to.inactiveExitUs = from.inactiveExitUs;
  to.activeEnterUs = from.activeEnterUs;
  to.activeExitUs = from.activeExitUs;
  to.inactiveEnterUs = from.inactiveEnterUs;
  to.jobId = from.jobId;
  to.endJobId = from.endJobId;
  to.endJobSeen = from.endJobSeen;
  to.scheduled = from.scheduled;
}
