import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { DurationUs } from '../../model/time.ts';

/**
 * Whether a request comes from our own page or from a program, and not from another site's page.
 * Browsers say so in Sec-Fetch-Site, and in Origin with every POST; programs send neither.
 * Sources: W3C Fetch Metadata; RFC 6454, section 7. That Host is ours has been looked at before.
 */
export function isOwnSite({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const { origin, host = '' } = headers;
  if (origin === undefined) return true;
  return /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === host.toLowerCase();
}

/** Wrong tokens from one address before it has to wait, and how long that is. */
const wrongMax = 10;
const waitUs: DurationUs = 60_000_000;
/** Addresses remembered; beyond it the one that was wrong first is forgotten. */
const addressesMax = 1_000;

/** `wait`: too many wrong ones came from there; this one was not looked at. */
export type Verdict = 'right' | 'wrong' | 'wait';

/** Compares tokens, and slows down whoever guesses. */
export class TokenCheck {
  readonly #digest: Buffer;
  readonly #wrong = new Map<string, { count: number; sinceUs: DurationUs }>();

  constructor(token: string) {
    this.#digest = digestOf(token);
  }

  /**
   * @param authorization the header: `Bearer TOKEN`, RFC 6750, section 2.1
   * @param address the client's IP address
   */
  verdict(authorization: string | undefined, address: string, nowUs: DurationUs): Verdict {
    const wrong = this.#wrong.get(address);
    const isRecent = wrong !== undefined && nowUs - wrong.sinceUs < waitUs;
    if (isRecent && wrong.count >= wrongMax) return 'wait';
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
    // Digests have one length, so that the time it takes tells nothing of the token, nor its length.
    if (timingSafeEqual(digestOf(token), this.#digest)) {
      this.#wrong.delete(address);
      return 'right';
    }
    this.#wrong.delete(address);
    this.#wrong.set(
      address,
      isRecent ? { ...wrong, count: wrong.count + 1 } : { count: 1, sinceUs: nowUs },
    );
    const [first] = this.#wrong.keys();
    if (this.#wrong.size > addressesMax && first !== undefined) this.#wrong.delete(first);
    return 'wrong';
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
