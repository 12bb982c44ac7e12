import type { Component } from '../../model/platform.ts';

type Node = Pick<Component, 'name' | 'dependsOn'>;

/** The order of components; what a component depends on and is not among them does not count. */
export class DependencyOrder {
  readonly #below = new Map<string, readonly string[]>();
  readonly #above = new Map<string, string[]>();

  constructor(components: readonly Node[]) {
    for (const { name } of components) this.#above.set(name, []);
    for (const { name, dependsOn } of components) {
      const here = [...new Set(dependsOn)].filter((other) => this.#above.has(other));
      this.#below.set(name, here);
      for (const other of here) this.#above.get(other)?.push(name);
    }
  }

  /** What to start, one after the other: everything that it depends on, and itself last. */
  startOrder(name: string): readonly string[] {
    return this.#walk(name, this.#below);
  }

  /** What to stop, one after the other: everything that depends on it, and itself last. */
  stopOrder(name: string): readonly string[] {
    return this.#walk(name, this.#above);
  }

  /** What suffers when it is stopped, directly or not. */
  sufferers(name: string): readonly string[] {
    return this.stopOrder(name).slice(0, -1);
  }

  /** All that it depends on, directly or not. */
  needs(name: string): readonly string[] {
    return this.startOrder(name).slice(0, -1);
  }

  /** Circles, each as the way around it: `a`, `b`, `a`. */
  cycles(): readonly (readonly string[])[] {
    const cycles: string[][] = [];
    const done = new Set<string>();
    for (const first of this.#below.keys()) {
      if (!done.has(first)) this.#searchFrom(first, done, cycles);
    }
    return cycles;
  }

  #searchFrom(first: string, done: Set<string>, cycles: string[][]): void {
    const path: Step[] = [{ name: first, at: 0 }];
    const places = new Map([[first, 0]]);
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const next = this.#below.get(step.name)?.[step.at++];
      if (next === undefined) {
        path.pop();
        places.delete(step.name);
        done.add(step.name);
      } else if (places.has(next)) {
        cycles.push([...path.slice(places.get(next)).map(({ name }) => name), next]);
      } else if (!done.has(next)) {
        places.set(next, path.push({ name: next, at: 0 }) - 1);
      }
    }
  }

  /** Depth first, each once, a name behind all that it leads to; circles are walked once. */
  #walk(first: string, edges: ReadonlyMap<string, readonly string[]>): readonly string[] {
    if (!edges.has(first)) return [];
    const order: string[] = [];
    const met = new Set([first]);
    const path: Step[] = [{ name: first, at: 0 }];
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const next = edges.get(step.name)?.[step.at++];
      if (next === undefined) {
        order.push(step.name);
        path.pop();
      } else if (!met.has(next)) {
        met.add(next);
        path.push({ name: next, at: 0 });
      }
    }
    return order;
  }
}

/** A component on the path of a search, and which of its edges comes next: no chain is too long. */
interface Step {
  readonly name: string;
  at: number;
}
