import type { IncomingMessage } from 'node:http';

/**
 * The whole body of a request as text.
 * @returns undefined where it is longer than `maxBytes` or no valid UTF-8; the rest is not read
 * @throws where the client goes before its end
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop must not take the connection along: the refusal is still to be written.
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const part of body) {
    bytes += part.length;
    if (bytes > maxBytes) return undefined;
    parts.push(part);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    return undefined;
  }
}
