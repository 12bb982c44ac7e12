/** Bits of a row's number within one run of the agent: 4 thousand million. */
const numberHex = 8;

/**
 * Keys of one run of the agent, as UUIDs of version 7 (RFC 9562, 5.7): the time in milliseconds, 12
 * random bits of the run, the row's number, 30 random bits of the run. They sort by time, and then
 * by number; a database that was copied to another host goes on with keys of its own.
 */
export class RowKeys {
  readonly #runA: string;
  readonly #runB: string;
  #number = 0;

  /** @param random 16 random bytes, new for each run */
  constructor(random: Uint8Array) {
    const hex = Buffer.from(random).toString('hex').padEnd(32, '0');
    this.#runA = `7${hex.slice(0, 3)}`;
    this.#runB = hex.slice(4, 11);
  }

  next(nowUs: number): string {
    const ms = Math.max(0, Math.floor(nowUs / 1_000)) % 2 ** 48;
    const time = ms.toString(16).padStart(12, '0');
    const number = (this.#number++ % 2 ** 32).toString(16).padStart(numberHex, '0');
    // The variant's two bits come first, so the number is moved: 8, then it, then the run's bits.
    const tail = `8${number}${this.#runB}`;
    return `${time.slice(0, 8)}-${time.slice(8)}-${this.#runA}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  }
}
