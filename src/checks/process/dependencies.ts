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
    const path: string[] = [];
    const visit = (name: string): void => {
      const at = path.indexOf(name);
      if (at >= 0) cycles.push([...path.slice(at), name]);
      if (at >= 0 || done.has(name)) return;
      path.push(name);
      for (const other of this.#below.get(name) ?? []) visit(other);
      path.pop();
      done.add(name);
    };
    for (const name of this.#below.keys()) visit(name);
    return cycles;
  }

  /** Depth first, each once, a name behind all that it leads to; circles are walked once. */
  #walk(first: string, edges: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const order: string[] = [];
    const met = new Set<string>();
    const visit = (name: string): void => {
      if (met.has(name) || !edges.has(name)) return;
      met.add(name);
      for (const other of edges.get(name) ?? []) visit(other);
      order.push(name);
    };
    visit(first);
    return order;
  }
}
