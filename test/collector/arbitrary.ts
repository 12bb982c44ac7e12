import fc from 'fast-check';
import {
  type ExtraFields,
  type Message,
  managerSignal,
  nameOwnerChanged,
  propertiesChanged,
  systemd,
  typeEnd,
  types,
  type Value,
} from './encode.ts';

/** What D-Bus calls a string: any but NUL. */
const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((one) => !one.includes('\0'));
const path = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'Z', '_', '9'), minLength: 1, maxLength: 4 }), {
    maxLength: 3,
  })
  .map((parts) => `/${parts.join('/')}`);

/** Without `h`: dbus-next refuses to read one that came without its descriptor. */
const basic: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  y: fc.nat(255),
  b: fc.boolean(),
  n: fc.integer({ min: -32_768, max: 32_767 }),
  q: fc.nat(65_535),
  i: fc.integer(),
  u: fc.integer({ min: 0, max: 0xffff_ffff }),
  // dbus-next takes the least of all for out of range.
  x: fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }),
  t: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  // dbus-next writes the negative zero as the positive one.
  d: fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => one + 0),
  s: text,
  o: path,
  g: fc.constantFrom('', 's', 'a{sv}', '(iiay)'),
};
const basicCode = fc.constantFrom(...Object.keys(basic));

/** A complete type of at most `depth` containers in one another. */
function typeOf(depth: number): fc.Arbitrary<string> {
  if (depth === 0) return basicCode;
  const inner = typeOf(depth - 1);
  return fc.oneof(
    basicCode,
    fc.constant('v'),
    inner.map((type) => `a${type}`),
    fc.array(inner, { minLength: 1, maxLength: 3 }).map((all) => `(${all.join('')})`),
    fc.tuple(basicCode, inner).map(([key, value]) => `a{${key}${value}}`),
  );
}

function completeTypes(signature: string): string[] {
  const all: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = typeEnd(signature, at);
    all.push(signature.slice(at, end));
    at = end;
  }
  return all;
}

/** A value of the complete type. Arrays are often empty; variants hold variants. */
function valueIn(type: string, depth: number): fc.Arbitrary<Value> {
  const code = type[0] ?? '';
  const known = basic[code];
  if (known) return known;
  if (code === 'v')
    return typeOf(Math.max(0, depth - 1)).chain((inner) =>
      valueIn(inner, depth - 1).map((value): Value => [inner, value]),
    );
  if (code === 'a') return fc.array(valueIn(type.slice(1), depth - 1), { maxLength: 3 });
  return fc.tuple(...completeTypes(type.slice(1, -1)).map((one) => valueIn(one, depth - 1)));
}

/** Any complete type with a value of it. */
export const typed: fc.Arbitrary<readonly [signature: string, value: Value]> = typeOf(3).chain(
  (type) => valueIn(type, 3).map((value) => [type, value] as const),
);

const us = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const activeState = fc.constantFrom('active', 'inactive', 'failed', 'activating', 'refreshing');

/** Properties that the decoder takes, each with a value of the type that systemd declares. */
const wanted: readonly (readonly [string, string, fc.Arbitrary<Value>])[] = [
  ['ActiveState', 's', activeState],
  ['SubState', 's', text],
  [
    'InvocationID',
    'ay',
    fc.oneof(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.constant([])),
  ],
  ['Job', '(uo)', fc.tuple(fc.nat(), path)],
  ...[
    'StateChangeTimestamp',
    'InactiveExitTimestamp',
    'ActiveEnterTimestamp',
    'ActiveExitTimestamp',
    'InactiveEnterTimestamp',
    'ExecMainStartTimestamp',
    'ExecMainExitTimestamp',
  ].map((name) => [name, 't', us] as const),
  ['Result', 's', text],
  ...['NRestarts', 'MainPID', 'ControlPID', 'ExecMainPID'].map(
    (name) => [name, 'u', basic['u'] ?? fc.nat()] as const,
  ),
  ['ExecMainCode', 'i', fc.integer()],
  ['ExecMainStatus', 'i', fc.integer()],
  ['LoadState', 's', text],
  ['Restart', 's', text],
  ['ControlGroup', 's', text],
];

const property = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .constantFrom(...wanted)
      .chain(([name, sig, value]) => value.map((one) => [name, sig, one] as const)),
  },
  // A key that is known with a type that is not its own: systemd would have changed its mind.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...wanted), typed)
      .filter(([[, sig], [other]]) => sig !== other)
      .map(([[name], [sig, value]]) => [name, sig, value] as const),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(text, typed).map(([name, [sig, value]]) => [name, sig, value] as const),
  },
);

export const labels = ['a_2eservice', 'b_40x_2eservice'] as const;

const unitSignal = fc
  .tuple(
    fc.constantFrom(...labels, ...labels, 'nobody_2eservice'),
    fc.constantFrom('Unit', 'Service', 'Socket'),
    fc.array(property, { maxLength: 8 }),
    fc.constantFrom(systemd, systemd, systemd, ':1.66'),
  )
  .map(([label, changed, properties, sender]) =>
    propertiesChanged(label, changed, properties, { sender }),
  );

/** `systemctl restart x` makes all of these; the last three mean nothing to the decoder. */
const managerSignals = fc.oneof(
  fc.tuple(text, path).map((body) => managerSignal('UnitNew', 'so', body)),
  fc.tuple(text, path).map((body) => managerSignal('UnitRemoved', 'so', body)),
  fc.tuple(fc.nat(), path, text, text).map((body) => managerSignal('JobRemoved', 'uoss', body)),
  fc.boolean().map((active) => managerSignal('Reloading', 'b', [active])),
  fc.tuple(fc.nat(), path, text).map((body) => managerSignal('JobNew', 'uos', body)),
  fc.tuple(us, us, us, us, us, us).map((body) => managerSignal('StartupFinished', 'tttttt', body)),
  fc.constant(managerSignal('UnitFilesChanged', '', [])),
);

const otherSignal = fc
  .tuple(fc.array(typed, { maxLength: 4 }), fc.constantFrom(systemd, ':1.9'))
  .map(
    ([body, sender]): Message => ({
      type: types.signal,
      serial: 3,
      path: '/org/freedesktop/systemd1/unit/a_2eservice',
      interface: 'org.example.Anything',
      member: 'Happened',
      sender,
      signature: body.map(([sig]) => sig).join(''),
      body: body.map(([, value]) => value),
    }),
  );

const answer = fc
  .tuple(
    fc.integer({ min: 1, max: 0xffff_ffff }),
    fc.oneof(
      fc.array(property, { maxLength: 6 }).map((all) => ({
        signature: 'a{sv}',
        body: [all.map(([key, sig, value]): Value => [key, [sig, value]])],
      })),
      text.map((one) => ({ signature: 's', body: [one] })),
      fc.constant({}),
      typed
        .filter(([sig]) => sig !== 's' && sig !== 'a{sv}')
        .map(([signature, value]) => ({ signature, body: [value] })),
    ),
  )
  .map(
    ([replySerial, rest]): Message => ({
      type: types.return,
      serial: 4,
      replySerial,
      sender: systemd,
      destination: ':1.7',
      ...rest,
    }),
  );

const refusal = fc.tuple(fc.integer({ min: 1, max: 1_000 }), text).map(
  ([replySerial, words]): Message => ({
    type: types.error,
    serial: 5,
    replySerial,
    errorName: 'org.freedesktop.DBus.Error.UnknownObject',
    sender: 'org.freedesktop.DBus',
    ...(words !== '' && { signature: 's', body: [words] }),
  }),
);

const ownerSignal = fc
  .tuple(
    fc.constantFrom('org.freedesktop.systemd1', 'org.example.Other'),
    fc.constantFrom('', ':1.40'),
    fc.constantFrom('org.freedesktop.DBus', ':1.66'),
  )
  .map(([name, owner, sender]) => nameOwnerChanged(name, owner, sender));

/** Any message that may come over the connection, valid D-Bus all of them. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 6, arbitrary: unitSignal },
  { weight: 2, arbitrary: managerSignals },
  { weight: 2, arbitrary: otherSignal },
  { weight: 1, arbitrary: answer },
  { weight: 1, arbitrary: refusal },
  { weight: 1, arbitrary: ownerSignal },
);

/** Header fields of a later D-Bus, which readers have to pass over. */
export const extraFields: fc.Arbitrary<ExtraFields> = fc.array(
  fc
    .tuple(fc.integer({ min: 10, max: 255 }), typed)
    .map(([code, [sig, value]]) => [code, sig, value] as const),
  { maxLength: 2 },
);
