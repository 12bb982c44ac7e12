import { encode, type Message, systemd, types, type Value } from './encode.ts';
import type { Call, FakeBusOptions } from './fake-bus.ts';

/** A row of ListUnits: name and ActiveState; all else follows. */
export type Row = readonly [name: string, activeState: string, subState: string];

/** What a systemd that a test plays says on the fake bus. */
export interface FakeSystemd {
  readonly options: Pick<FakeBusOptions, 'answer'>;
  /** Units that its lists show. */
  rows: Row[];
  /** Called before a call is answered, which waits for what it gives back. */
  onCall: (member: string, call: Call) => Promise<void> | undefined;
}

/** Answers the manager's calls; GetAll says nothing but that the unit is loaded. */
export function fakeSystemd(version = '255'): FakeSystemd {
  const one: FakeSystemd = {
    rows: [],
    onCall: () => undefined,
    options: {
      answer: (call) => {
        const first = one.onCall(call.member ?? '', call);
        const [signature, body] = said(call, one.rows, version) ?? [];
        if (signature === undefined) return undefined;
        const head = { type: types.return, serial: 77, replySerial: call.serial, sender: systemd };
        const message: Message = { ...head, signature, body: body ?? [] };
        return first === undefined ? encode(message) : first.then(() => encode(message));
      },
    },
  };
  return one;
}

function said(
  { member, path = '' }: Call,
  rows: readonly Row[],
  version: string,
): readonly [signature: string, body: readonly Value[]] | undefined {
  switch (member) {
    case 'Subscribe':
      return ['', []];
    case 'Get':
      return ['v', [['s', version]]];
    case 'ListUnitsByPatterns':
      return [
        'a(ssssssouso)',
        [rows.map(([name, active, sub]) => [name, '', 'loaded', active, sub, '', '/', 0, '', '/'])],
      ];
    case 'RestartUnit':
      return ['o', ['/org/freedesktop/systemd1/job/7']];
    case 'ListUnitFilesByPatterns':
      return ['a(ss)', [[]]];
    case 'GetAll':
      return ['a{sv}', path.endsWith('_2etimer') ? [[]] : [[['LoadState', ['s', 'loaded']]]]];
    default:
      return undefined;
  }
}
