/** A count that reaches this halves its row: old habits are forgotten, and a byte is enough. */
const fullCount = 255;
/** Weight of the shorter context's answer, in occurrences of the longer one. */
const shorterWeight = 2;

/**
 * How surprising a symbol is after the symbols before it: the probabilities given the last 0, 1, 2,
 * ... symbols, each blended with the shorter one's (interpolated Witten-Bell as in PPM, Cleary and
 * Witten 1984).
 */
export class ContextMemory {
  readonly #symbols: number;
  readonly #order: number;
  /** One row of `symbols` counts for each context, shorter contexts first. */
  readonly counts: Uint8Array;
  /** 0: the last `order` symbols as digits of one number; 1: how many were seen. */
  readonly past = new Float64Array(2);

  constructor(symbols: number, order: number) {
    this.#symbols = symbols;
    this.#order = order;
    this.counts = new Uint8Array((symbols * (symbols ** (order + 1) - 1)) / (symbols - 1));
  }

  /** Takes `symbol` in. @returns its surprise in nats: -ln of its probability before */
  add(symbol: number): number {
    const symbols = this.#symbols;
    const [past = 0, seen = 0] = this.past;
    let probability = 1 / symbols;
    let contexts = 1;
    let first = 0;
    for (let length = 0; length <= this.#order && length <= seen; length++) {
      const row = (first + (past % contexts)) * symbols;
      probability = this.#blend(row, symbol, probability);
      first += contexts;
      contexts *= symbols;
    }
    this.past[0] = (past * symbols + symbol) % symbols ** this.#order;
    this.past[1] = seen + 1;
    return -Math.log(probability);
  }

  #blend(row: number, symbol: number, shorter: number): number {
    const counts = this.counts;
    let total = 0;
    for (let i = 0; i < this.#symbols; i++) total += counts[row + i] as number;
    const own = counts[row + symbol] as number;
    counts[row + symbol] = own + 1;
    if (own + 1 >= fullCount) {
      for (let i = 0; i < this.#symbols; i++) counts[row + i] = (counts[row + i] as number) >> 1;
    }
    return (own + shorterWeight * shorter) / (total + shorterWeight);
  }
}
