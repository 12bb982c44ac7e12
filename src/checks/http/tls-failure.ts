import { ProbeFailure } from '../tcp/course.ts';

/** OpenSSL's reasons, whose beginnings change with its versions, in words that say what to look at. */
const words: readonly (readonly [RegExp, string])[] = [
  [/wrong version number|packet length too long/, 'the answer is not TLS'],
  [/protocol version|unsupported protocol/, 'no version in common; 1.2 and 1.3 are spoken'],
  [/no application protocol/, 'HTTP/1.1 is not spoken'],
  [/certificate required/, 'a client certificate is asked for'],
];

/** What the other side said or did, in or after the handshake, that ends TLS. */
export function tlsFailureOf(error: Error): ProbeFailure {
  const code = 'code' in error ? String(error.code) : '';
  const said = ('reason' in error ? String(error.reason) : code).slice(0, 100);
  const known = words.find(([pattern]) => pattern.test(said));
  return new ProbeFailure('tls', `no TLS (${known?.[1] ?? said})`);
}
