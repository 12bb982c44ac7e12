import type { UnitFacts } from '../../src/collector/properties.ts';
import { newUnitState, type UnitState } from '../../src/model/unit.ts';
import { type Decoded, systemd, types } from './encode.ts';
import type { Heard } from './listening.ts';

/*
 * What the decoder has to make of messages, said once more in the plainest way: out of the objects
 * that dbus-next's unmarshaller makes of the same bytes.
 */

interface Tree {
  readonly type: string;
  readonly child: readonly Tree[];
}
/** A variant as dbus-next's unmarshaller gives it. */
type Variant = readonly [types: readonly Tree[], values: readonly unknown[]];
type Dictionary = readonly (readonly [key: string, value: Variant])[];

const closing: Readonly<Record<string, string>> = { '(': ')', '{': '}' };

function signatureOf({ type, child }: Tree): string {
  return type + child.map(signatureOf).join('') + (closing[type] ?? '');
}

const stateFields: ReadonlyMap<string, keyof UnitState> = new Map([
  ['SubState s', 'subState'],
  ['StateChangeTimestamp t', 'stateChangeUs'],
  ['InactiveExitTimestamp t', 'inactiveExitUs'],
  ['ActiveEnterTimestamp t', 'activeEnterUs'],
  ['ActiveExitTimestamp t', 'activeExitUs'],
  ['InactiveEnterTimestamp t', 'inactiveEnterUs'],
  ['Result s', 'result'],
  ['NRestarts u', 'nRestarts'],
  ['MainPID u', 'mainPid'],
  ['ControlPID u', 'controlPid'],
  ['ExecMainPID u', 'execMainPid'],
  ['ExecMainCode i', 'execMainCode'],
  ['ExecMainStatus i', 'execMainStatus'],
  ['ExecMainStartTimestamp t', 'execMainStartUs'],
  ['ExecMainExitTimestamp t', 'execMainExitUs'],
]);
const factFields: ReadonlyMap<string, keyof UnitFacts> = new Map([
  ['LoadState s', 'loadState'],
  ['ControlGroup s', 'cgroup'],
  ['Restart s', 'restartPolicy'],
]);

function apply(state: UnitState, facts: UnitFacts, properties: Dictionary): void {
  for (const [key, [tree, [value]]] of properties) {
    const declared = `${key} ${tree.map(signatureOf).join('')}`;
    const field = stateFields.get(declared);
    const fact = factFields.get(declared);
    if (field) Object.assign(state, { [field]: typeof value === 'bigint' ? Number(value) : value });
    else if (fact) facts[fact] = String(value);
    else if (declared === 'ActiveState s') Object.assign(state, { activeState: value });
    else if (declared === 'Job (uo)') state.jobId = Number((value as readonly unknown[])[0]);
    else if (declared === 'InvocationID ay') applyInvocation(state, value as Buffer);
  }
}

function applyInvocation(state: UnitState, id: Buffer): void {
  const words = [0, 4, 8, 12].map((at) => (id.length === 16 ? id.readInt32BE(at) : 0));
  [state.invocation0, state.invocation1, state.invocation2, state.invocation3] = words as [
    number,
    number,
    number,
    number,
  ];
}

function noFacts(): UnitFacts {
  return { loadState: '', cgroup: '', restartPolicy: '' };
}

const managerMembers: ReadonlyMap<string, (body: readonly unknown[]) => Heard> = new Map([
  ['UnitNew', ([name]) => ['unitNew', name]],
  ['UnitRemoved', ([name]) => ['unitRemoved', name]],
  ['JobRemoved', ([id, , unit, result]) => ['jobRemoved', id, unit, result]],
  ['Reloading', ([active]) => ['reloading', active]],
]);

/** The calls that a sink must get for these messages; `labels` are the units it follows. */
export function expected(messages: readonly Decoded[], labels: readonly string[]): Heard[] {
  const heard: Heard[] = [];
  const changes = new Changes(labels, heard);
  for (const message of messages) {
    if (isFrom(message, systemd, 'org.freedesktop.DBus.Properties')) changes.take(message);
    const told = toldBy(message);
    if (told) heard.push(told);
  }
  return heard;
}

function isFrom(message: Decoded, sender: string, about: string): boolean {
  const isSignal = message.type === types.signal;
  return isSignal && message.sender === sender && message.interface === about;
}

function toldBy(message: Decoded): Heard | undefined {
  const { type, replySerial, errorName, member = '', body } = message;
  if (type === types.error) return ['reply', replySerial, 'error', errorName, body[0] ?? ''];
  if (type === types.return) return ['reply', replySerial, ...answerOf(message)];
  if (isFrom(message, 'org.freedesktop.DBus', 'org.freedesktop.DBus'))
    return body[0] === 'org.freedesktop.systemd1' ? ['ownerChanged', body[2]] : undefined;
  return isFrom(message, systemd, 'org.freedesktop.systemd1.Manager')
    ? managerMembers.get(member)?.(body)
    : undefined;
}

/** A change is two signals: what the first says counts when the second, or another unit's, comes. */
class Changes {
  private readonly states: Map<string, UnitState>;
  private readonly heard: Heard[];
  private half: { readonly label: string; readonly state: UnitState } | undefined;

  constructor(labels: readonly string[], heard: Heard[]) {
    this.states = new Map(labels.map((label) => [label, newUnitState()]));
    this.heard = heard;
  }

  take({ path, body }: Decoded): void {
    const label = path?.split('/').pop() ?? '';
    const state = this.states.get(label);
    if (state === undefined) return;
    if (this.half?.label !== label) {
      this.commit();
      this.half = { label, state: { ...state } };
    }
    apply(this.half.state, noFacts(), body[1] as Dictionary);
    if (body[0] === 'org.freedesktop.systemd1.Unit') this.commit();
  }

  private commit(): void {
    if (this.half === undefined) return;
    this.states.set(this.half.label, this.half.state);
    this.heard.push(['changed', this.half.label, this.half.state]);
    this.half = undefined;
  }
}

function answerOf({ signature, body }: Decoded): Heard {
  if (signature === 's') return ['text', body[0]];
  if (signature !== 'a{sv}') return ['empty'];
  const state = newUnitState();
  const facts = noFacts();
  apply(state, facts, body[0] as Dictionary);
  return ['properties', state, facts];
}
