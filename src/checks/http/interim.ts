/** Servers send one or two. */
const interimMax = 16;
/** As of the headers of an answer. */
const headerBytes = 65_536;
const shape = 'HTTP/1.1 100';
const emptyLine = '\r\n\r\n';

/**
 * What an answer begins with: `rest` goes to the parser, and nothing is left to look for; `wait`, more
 * has to come first; `flood`, there is no end of it.
 */
export type Beginning = { readonly rest: Buffer } | 'wait' | 'flood';

/**
 * Drops interim answers, which a client has to be able to take whether it asked for them or not (RFC
 * 9110 section 15.2); undici ends the connection at a 100, and takes any number of others. 101 is
 * left: it is the last thing that is HTTP.
 */
export class InterimAnswers {
  #held: Buffer = Buffer.alloc(0);
  #count = 0;

  /** @param chunk what came next, as it came */
  take(chunk: Buffer): Beginning {
    let left = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (couldBeInterim(left)) {
      const end = left.length < shape.length ? -1 : left.indexOf(emptyLine);
      if (end === -1) {
        this.#held = left;
        return left.length > headerBytes ? 'flood' : 'wait';
      }
      this.#count += 1;
      if (this.#count > interimMax) return 'flood';
      left = left.subarray(end + emptyLine.length);
    }
    return { rest: left };
  }
}

/** Also where it is still too short to tell, or empty. */
function couldBeInterim(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, shape.length);
  return /^HTTP\/1\.[01] 1(?!01)\d\d$/.test(start + shape.slice(start.length));
}
