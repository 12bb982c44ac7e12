import type { DependencyGraph } from './graph.ts';
import { kindOf, otherOf } from './graph.ts';
import { kindNumber } from './kinds.ts';

/** A start that nothing comes of, and how many jobs there were when it was left out. */
interface LeftOut<W> {
  readonly wish: W;
  readonly at: number;
}

/** Starts that a transaction did not make because systemd would throw them away, see inert.ts. */
export class LeftOutStarts<W extends { readonly unit: number }> {
  private readonly graph: DependencyGraph;
  private all: LeftOut<W>[] = [];
  /** Everything that the first `seen` of these would pull in a start of. */
  private reach: Uint8Array | undefined;
  private seen = 0;

  constructor(graph: DependencyGraph) {
    this.graph = graph;
  }

  add(wish: W, at: number): void {
    this.all.push({ wish, at });
  }

  /** Takes out those whose unit has got another job since: that one they have to meet. */
  takeMet(heads: ReadonlyMap<number, number>): LeftOut<W>[] {
    const met = this.all.filter(({ wish }) => heads.has(wish.unit));
    if (met.length > 0) {
      this.all = this.all.filter(({ wish }) => !heads.has(wish.unit));
      this.seen = 0;
      this.reach = undefined;
    }
    return met;
  }

  /** Whether one of them would, in the end, pull in a start of the unit. */
  reaches(unit: number): boolean {
    if (this.all.length === 0) return false;
    this.reach ??= new Uint8Array(this.graph.states.length);
    for (; this.seen < this.all.length; this.seen++)
      this.follow((this.all[this.seen] as LeftOut<W>).wish.unit, this.reach);
    return this.reach[unit] === 1;
  }

  private follow(first: number, reach: Uint8Array): void {
    const queue = [first];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (reach[at] === 1) continue;
      reach[at] = 1;
      for (const edge of this.graph.edges[at] as number[]) {
        // Those that a start pulls in come first, see kinds.ts.
        if (kindOf(edge) > kindNumber.Upholds) break;
        queue.push(otherOf(edge));
      }
    }
  }
}
