import { randomUUID } from 'node:crypto';
import type { Finish } from './table.ts';

/** Rows remembered as handled, and repairs not yet written down: the oldest go first. */
const handledMax = 10_000;
const pendingMax = 1_000;
const idsMax = 10_000;

/** Where the memory outlives the agent: a small JSON text, written whole. `StateFile` of the outputs is one. */
export interface Keeper {
  /** What was written last, parsed; undefined where there is none. */
  read(): Promise<unknown>;
  /** Answers why it could not be written; undefined when it was. */
  write(text: string): Promise<string | undefined>;
}

/** What a source remembers over polls and, where there is a keeper, over restarts. */
export class Memory {
  /** Says which agent this is, the same after a restart. */
  instance: string = randomUUID();
  /** Repaired, but their rows may not be changed. */
  readonly handled = new Set<number>();
  /** Repairs that are not yet written down. */
  readonly #pending = new Map<string, Finish>();
  readonly #keeper: Keeper | undefined;

  private constructor(keeper: Keeper | undefined) {
    this.#keeper = keeper;
  }

  /** What the keeper holds; whatever in it is not as it should be is left out. */
  static async load(keeper: Keeper | undefined): Promise<Memory> {
    const memory = new Memory(keeper);
    const found: unknown = await keeper?.read();
    if (isRecord(found)) memory.#take(found);
    // Written at once: an instance that is not kept would be another one after a crash.
    await memory.save();
    return memory;
  }

  #take(found: Readonly<Record<string, unknown>>): void {
    const { instance, handled, pending } = found;
    if (typeof instance === 'string' && /^[\w-]{1,64}$/.test(instance)) this.instance = instance;
    for (const id of isIds(handled) ? handled : []) this.handled.add(id);
    for (const one of Array.isArray(pending) ? pending : []) {
      if (isFinish(one)) this.begin(one);
    }
    this.#bound();
  }

  #bound(): void {
    for (const id of this.handled) {
      if (this.handled.size <= handledMax) break;
      this.handled.delete(id);
    }
    for (const mark of this.#pending.keys()) {
      if (this.#pending.size <= pendingMax) break;
      this.#pending.delete(mark);
    }
  }

  /** Answers the one that was begun first for this repair: a second call changes nothing. */
  begin(finish: Finish): Finish {
    const key = keyOf(finish);
    const begun = this.#pending.get(key) ?? finish;
    this.#pending.set(key, begun);
    return begun;
  }

  /** It has been written down. */
  end(finish: Finish): void {
    this.#pending.delete(keyOf(finish));
  }

  pending(): readonly Finish[] {
    return [...this.#pending.values()];
  }

  /** Rows that are in alarm although they were repaired. */
  done(): ReadonlySet<number> {
    const repaired = this.pending().filter(({ clear }) => clear);
    return new Set([...this.handled, ...repaired.flatMap(({ ids }) => ids)]);
  }

  /** Answers why it could not be kept. */
  async save(): Promise<string | undefined> {
    this.#bound();
    const state = {
      instance: this.instance,
      handled: [...this.handled],
      pending: this.pending(),
    };
    return this.#keeper?.write(`${JSON.stringify(state)}\n`);
  }
}

function keyOf({ mark, ids }: Finish): string {
  return `${mark} ${ids[0]}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= idsMax && value.every(Number.isSafeInteger);
}

function isFinish(value: unknown): value is Finish {
  return (
    isRecord(value) &&
    isIds(value['ids']) &&
    typeof value['clear'] === 'boolean' &&
    typeof value['note'] === 'string' &&
    typeof value['mark'] === 'string'
  );
}
