import { Header, messageType, readHeader } from './header.ts';
import { malformed, Wire } from './wire.ts';

/** An answer of which only the header is read. */
export interface PassedOver {
  /** Serial of the call that it answers. */
  readonly serial: number;
  /** Unique bus name of who answers. */
  readonly sender: string;
}

/** What is answered by a message whose header stands in `[start, end)`; undefined for a signal. */
export function answerIn(bytes: Buffer, start: number, end: number): PassedOver | undefined {
  const wire = new Wire();
  const header = new Header();
  wire.reset(bytes, start, end, false);
  try {
    readHeader(wire, header);
  } catch (error) {
    if (error !== malformed) throw error;
    return undefined;
  }
  const { type, replySerial, senderAt, senderLength } = header;
  if (type !== messageType.return && type !== messageType.error) return undefined;
  const sender = bytes.toString('latin1', senderAt, senderAt + senderLength);
  return { serial: replySerial, sender };
}
