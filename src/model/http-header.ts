/** What the connection and the length of the body decide, RFC 9110 and 9112; nobody else can. */
const decided: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

/**
 * What is wrong with a header of a request, RFC 9110 sections 5.1 and 5.5; undefined where it can be
 * sent. The value, which may be a secret, is not repeated.
 */
export function headerFault(name: string, value: string): string | undefined {
  const lower = name.toLowerCase();
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return 'is no name that a header can have';
  if (decided.has(lower)) return 'cannot be set: it belongs to the connection or to the body';
  if (lower === 'connection' && !/^(?:close|keep-alive)$/i.test(value)) {
    return 'can only be close or keep-alive';
  }
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return undefined;
  return 'has a value with characters that no header can have: control characters, or none of Latin-1';
}
