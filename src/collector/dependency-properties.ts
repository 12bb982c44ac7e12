import {
  type DependencyProperty,
  defaultSettings,
  dependencyProperties,
  type ReverseProperty,
  type UnitDependencies,
  type UnitSettings,
} from '../model/dependencies.ts';
import { isActiveState } from '../model/unit.ts';
import { malformed, type Wire } from './wire.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What one GetAll reply is read into. */
interface Draft {
  name: string;
  names: readonly string[];
  loadState: string;
  activeState: string;
  subState: string;
  slice: string;
  cgroup: string;
  conditionResult: boolean;
  conditionTested: boolean;
  readonly lists: Partial<Record<DependencyProperty, readonly string[]>>;
  readonly reverse: Partial<Record<ReverseProperty, readonly string[]>>;
  readonly settings: Writable<UnitSettings>;
}

type Reader = (wire: Wire, draft: Draft) => void;

function bool(wire: Wire): boolean {
  return wire.u32() !== 0;
}

function strings(wire: Wire): string[] {
  const end = wire.arrayLength(4) + wire.pos;
  const list: string[] = [];
  while (wire.pos < end) list.push(wire.string());
  return list;
}

/** Whether SIGKILL stands in a set of exit statuses, `(aiai)`: first exit codes, then signals. */
function hasKill(wire: Wire): boolean {
  wire.align(8);
  const codes = wire.arrayLength(4);
  wire.pos += codes;
  const end = wire.arrayLength(4) + wire.pos;
  let found = false;
  while (wire.pos < end) if (wire.i32() === 9) found = true;
  return found;
}

/** By name: the D-Bus type that org.freedesktop.systemd1(5) declares, and how it is read. */
const readers = new Map<string, readonly [signature: string, read: Reader]>([
  ['Id', ['s', (wire, draft) => (draft.name = wire.string())]],
  ['Names', ['as', (wire, draft) => (draft.names = strings(wire))]],
  ['LoadState', ['s', (wire, draft) => (draft.loadState = wire.string())]],
  ['ActiveState', ['s', (wire, draft) => (draft.activeState = wire.string())]],
  ['SubState', ['s', (wire, draft) => (draft.subState = wire.string())]],
  ['Slice', ['s', (wire, draft) => (draft.slice = wire.string())]],
  ['ControlGroup', ['s', (wire, draft) => (draft.cgroup = wire.string())]],
  ['ConditionResult', ['b', (wire, draft) => (draft.conditionResult = bool(wire))]],
  ['ConditionTimestamp', ['t', (wire, draft) => (draft.conditionTested = wire.u64() > 0)]],
  ['Before', ['as', (wire, { reverse }) => (reverse.Before = strings(wire))]],
  ['StopPropagatedFrom', ['as', (wire, { reverse: r }) => (r.StopPropagatedFrom = strings(wire))]],
  ['Type', ['s', (wire, { settings }) => (settings.serviceType = wire.string())]],
  ['Restart', ['s', (wire, { settings }) => (settings.restart = wire.string())]],
  ['RestartMode', ['s', (wire, { settings }) => (settings.restartMode = wire.string())]],
  ['RestartUSec', ['t', (wire, { settings }) => (settings.restartUs = wire.u64())]],
  ['RemainAfterExit', ['b', (wire, { settings }) => (settings.remainAfterExit = bool(wire))]],
  ['StopWhenUnneeded', ['b', (wire, { settings }) => (settings.stopWhenUnneeded = bool(wire))]],
  ['RefuseManualStart', ['b', (wire, { settings }) => (settings.refuseManualStart = bool(wire))]],
  ['RefuseManualStop', ['b', (wire, { settings }) => (settings.refuseManualStop = bool(wire))]],
  ['CanStart', ['b', (wire, { settings }) => (settings.canStart = bool(wire))]],
  ['CanStop', ['b', (wire, { settings }) => (settings.canStop = bool(wire))]],
  ['Perpetual', ['b', (wire, { settings }) => (settings.perpetual = bool(wire))]],
  ['Accept', ['b', (wire, { settings }) => (settings.accept = bool(wire))]],
  ['OnFailureJobMode', ['s', (wire, { settings }) => (settings.onFailureJobMode = wire.string())]],
  ['OnSuccessJobMode', ['s', (wire, { settings }) => (settings.onSuccessJobMode = wire.string())]],
  ['SuccessExitStatus', ['(aiai)', (wire, d) => (d.settings.killIsSuccess = hasKill(wire))]],
  [
    'RestartPreventExitStatus',
    ['(aiai)', (wire, d) => (d.settings.killPreventsRestart = hasKill(wire))],
  ],
  [
    'RestartForceExitStatus',
    ['(aiai)', (wire, d) => (d.settings.killForcesRestart = hasKill(wire))],
  ],
  ...dependencyProperties.map(
    (property) =>
      [
        property,
        [
          'as',
          (wire: Wire, { lists }: Draft) => {
            const list = strings(wire);
            if (list.length > 0) lists[property] = list;
          },
        ],
      ] as const,
  ),
]);

/**
 * Reads the dictionary of a GetAll reply (`a{sv}`), cursor at its beginning.
 * Throws `malformed` where it is no valid D-Bus or lacks what every unit has.
 */
export function readDependencies(wire: Wire): UnitDependencies {
  const draft = newDraft();
  const end = wire.arrayLength(8) + wire.pos;
  while (wire.pos < end) {
    wire.align(8);
    const key = wire.string();
    const length = wire.u8();
    const at = wire.pos;
    wire.pos = at + length + 1;
    if (wire.pos > end) throw malformed;
    const [signature, read] = readers.get(key) ?? [];
    if (read && wire.bytes.toString('latin1', at, at + length) === signature) read(wire, draft);
    else if (wire.skip(at, at + length, 0) !== at + length) throw malformed;
  }
  if (wire.pos !== end || draft.name === '' || !isActiveState(draft.activeState)) throw malformed;
  const { name, names, activeState, conditionResult, conditionTested, ...rest } = draft;
  rest.settings.conditionFailed = conditionTested && !conditionResult;
  return {
    name,
    aliases: names.filter((other) => other !== name),
    activeState,
    loadState: rest.loadState,
    subState: rest.subState,
    lists: rest.lists,
    reverse: rest.reverse,
    slice: rest.slice,
    cgroup: rest.cgroup,
    settings: rest.settings,
  };
}

function newDraft(): Draft {
  return {
    name: '',
    names: [],
    loadState: '',
    activeState: '',
    subState: '',
    slice: '',
    cgroup: '',
    conditionResult: true,
    conditionTested: false,
    lists: {},
    reverse: {},
    settings: { ...defaultSettings },
  };
}
