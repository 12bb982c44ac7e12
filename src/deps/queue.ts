/** A priority queue: a binary heap, smallest first. */
export class Queue<T> {
  private readonly items: T[] = [];
  private readonly compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.compare = compare;
  }

  peek(): T | undefined {
    return this.items[0];
  }

  push(item: T): void {
    const { items } = this;
    items.push(item);
    for (let at = items.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.compare(items[at] as T, items[parent] as T) >= 0) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    items[0] = last;
    for (let at = 0; ; ) {
      const child = this.smallerChild(at);
      if (child === undefined || this.compare(items[child] as T, items[at] as T) >= 0) return first;
      this.swap(at, child);
      at = child;
    }
  }

  private smallerChild(at: number): number | undefined {
    const left = 2 * at + 1;
    const right = left + 1;
    const { items } = this;
    if (left >= items.length) return undefined;
    if (right >= items.length) return left;
    return this.compare(items[right] as T, items[left] as T) < 0 ? right : left;
  }

  private swap(a: number, b: number): void {
    const { items } = this;
    [items[a], items[b]] = [items[b] as T, items[a] as T];
  }
}

/** Another order for each turn: as they come, the last first, and two that are neither. */
export function shuffled(order: number, turn: number): number {
  if (turn < 2) return turn === 0 ? order : -order;
  return Math.imul(order + turn, 0x9e3779b1) ^ (turn << 28);
}
