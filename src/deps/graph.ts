import {
  defaultSettings,
  dependencyProperties,
  type UnitDependencies,
} from '../model/dependencies.ts';
import type { ActiveState } from '../model/unit.ts';
import { inverse, type KindSet, kindNumber } from './kinds.ts';
import { activating, deactivating, stateCode } from './states.ts';
import { type Rules, rulesOf } from './versions.ts';

/** An edge in one number: the other unit, and the kind in the lowest five bits. */
const kindBits = 5;
const kindMask = 31;

const forward = dependencyProperties.map((property) => [property, kindNumber[property]] as const);

/** What is kept of one unit beside its edges. */
export interface Node {
  readonly name: string;
  /** systemd told about it; one that was only named by others is not known. */
  known: boolean;
  facts: NodeFacts;
}

export type NodeFacts = Pick<UnitDependencies, 'loadState' | 'settings' | 'slice' | 'cgroup'>;

const nowhere: NodeFacts = {
  loadState: 'not-found',
  settings: defaultSettings,
  slice: '',
  cgroup: '',
};

const unloaded = (facts: NodeFacts): NodeFacts => ({ ...facts, loadState: 'not-found' });

/**
 * The units and how they depend on each other, kept for asking what follows from what. Units are
 * numbers in it; an edge stands at both of its ends, in each with its own kind. Cycles are legal.
 */
export class DependencyGraph {
  /** By number. A place whose unit is gone is undefined until another takes it. */
  readonly nodes: (Node | undefined)[] = [];
  /** Edges of each unit, sorted by kind; see `kindOf` and `otherOf`. */
  readonly edges: number[][] = [];
  /** ActiveState of each unit, see states.ts; there may be room behind the last one. */
  states: Uint8Array = new Uint8Array(64);
  /** Units between two states, or in auto-restart: they will change by themselves. */
  readonly restless: Set<number> = new Set();
  readonly subStates: string[] = [];
  /** Units whose state or edges changed since inert.ts looked at them last. */
  readonly moved: Set<number> = new Set();
  /** Rises with every change of units and edges, not of states. */
  structure = 0;
  /** How the systemd whose units these are behaves. */
  rules: Rules;
  private readonly numbers = new Map<string, number>();
  private readonly aliases = new Map<string, string>();
  private readonly free: number[] = [];

  /** `rules`: rulesOf() of systemd's version; of the newest where that is not known. */
  constructor(rules: Rules = rulesOf(0)) {
    this.rules = rules;
  }

  /** Units known or named. */
  get size(): number {
    return this.numbers.size;
  }

  /** Number of edges, each counted once. */
  get edgeCount(): number {
    return this.edges.reduce((sum, edges) => sum + edges.length, 0) / 2;
  }

  /** Its number, by its main name or another one of its names; undefined where nobody knows it. */
  find(name: string): number | undefined {
    return this.numbers.get(name) ?? this.numbers.get(this.aliases.get(name) ?? '');
  }

  name(unit: number): string {
    return this.nodes[unit]?.name ?? '';
  }

  facts(unit: number): NodeFacts {
    return this.nodes[unit]?.facts ?? nowhere;
  }

  /** Numbers of the units that systemd told about. */
  *units(): Generator<number> {
    for (const [unit, node] of this.nodes.entries()) if (node?.known) yield unit;
  }

  /** Units that `unit` is tied to by any of the kinds, in the order of the kinds. */
  *others(unit: number, set: KindSet): Generator<number> {
    for (const edge of this.edges[unit] ?? []) if ((set >>> kindOf(edge)) & 1) yield otherOf(edge);
  }

  /** Whether `unit` is tied to `other` by any of the kinds. */
  has(unit: number, set: KindSet, other: number): boolean {
    for (const edge of this.edges[unit] ?? [])
      if (otherOf(edge) === other && (set >>> kindOf(edge)) & 1) return true;
    return false;
  }

  /** Index of the first of the unit's edges whose kind is `kind` or a later one. */
  firstEdge(unit: number, kind: number): number {
    const edges = this.edges[unit] ?? [];
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (kindOf(edges[middle] as number) < kind) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Replaces everything by what these say; far cheaper than one `update` for each of many. */
  replaceAll(all: readonly UnitDependencies[]): void {
    this.nodes.length = this.edges.length = this.subStates.length = 0;
    this.restless.clear();
    this.free.length = 0;
    this.numbers.clear();
    this.aliases.clear();
    for (const unit of all) this.describe(this.intern(unit.name), unit);
    for (const unit of all) this.connect(this.intern(unit.name), unit);
    this.settle();
  }

  /** One unit of many that a new graph is made of; `settle` has to follow the last. */
  add(unit: UnitDependencies): void {
    const number = this.intern(unit.name);
    this.describe(number, unit);
    this.connect(number, unit);
  }

  settle(): void {
    for (const edges of this.edges) sortEdges(edges);
  }

  /** Takes what is now known of one unit: a new one, or one whose files were read anew. */
  update(unit: UnitDependencies): void {
    const number = this.intern(unit.name);
    this.describe(number, unit);
    this.disconnect(number);
    const touched = [...this.connect(number, unit), ...this.connectBack(number, unit)];
    for (const other of touched) sortEdges(this.edges[other] as number[]);
    sortEdges(this.edges[number] as number[]);
  }

  /** The unit was unloaded, and what tied others to it went with it (unit_free(), src/core/unit.c). */
  remove(name: string): void {
    const unit = this.numbers.get(name);
    const node = unit === undefined ? undefined : this.nodes[unit];
    if (unit === undefined || node === undefined) return;
    this.disconnect(unit, true);
    node.known = false;
    node.facts = unloaded(node.facts);
    this.setStateOf(unit, 'inactive', 'dead');
    for (const [alias, main] of this.aliases) if (main === name) this.aliases.delete(alias);
    this.forget(unit);
  }

  /** A unit's state changed; units that are not in the graph are ignored. */
  setState(name: string, activeState: ActiveState, subState: string): void {
    const unit = this.numbers.get(name);
    if (unit !== undefined) this.setStateOf(unit, activeState, subState);
  }

  private setStateOf(unit: number, activeState: ActiveState, subState: string): void {
    if (unit >= this.states.length) {
      const larger = new Uint8Array(this.states.length * 2);
      larger.set(this.states);
      this.states = larger;
    }
    const code = stateCode(activeState);
    if (this.states[unit] === code && this.subStates[unit] === subState) return;
    if (this.states[unit] !== code) this.moved.add(unit);
    this.states[unit] = code;
    this.subStates[unit] = subState;
    if (code === activating || code === deactivating) this.restless.add(unit);
    else this.restless.delete(unit);
  }

  private intern(name: string): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    const unit = this.free.pop() ?? this.nodes.length;
    this.numbers.set(name, unit);
    this.nodes[unit] = { name, known: false, facts: nowhere };
    this.edges[unit] = [];
    this.setStateOf(unit, 'inactive', 'dead');
    return unit;
  }

  private describe(number: number, unit: UnitDependencies): void {
    const node = this.nodes[number] as Node;
    const { loadState, settings, slice, cgroup } = unit;
    node.known = true;
    node.facts = { loadState, settings, slice, cgroup };
    this.setStateOf(number, unit.activeState, unit.subState);
    for (const alias of unit.aliases) this.aliases.set(alias, unit.name);
  }

  /** Adds the edges that the unit itself tells; returns the units at their other ends. */
  private connect(number: number, unit: UnitDependencies): number[] {
    this.moved.add(number);
    this.structure++;
    const touched: number[] = [];
    const own = this.edges[number] as number[];
    for (const [property, kind] of forward) {
      const names = unit.lists[property];
      if (names === undefined) continue;
      for (const name of names) {
        const other = this.find(name) ?? this.intern(name);
        if (other === number) continue;
        own.push((other << kindBits) | kind);
        (this.edges[other] as number[]).push((number << kindBits) | (inverse[kind] as number));
        touched.push(other);
      }
    }
    return touched;
  }

  /** Adds what its file says of others, and they did not say when they were read. */
  private connectBack(number: number, unit: UnitDependencies): number[] {
    const touched: number[] = [];
    for (const property of ['Before', 'StopPropagatedFrom'] as const) {
      const kind = kindNumber[property];
      for (const name of unit.reverse?.[property] ?? []) {
        const other = this.find(name);
        if (other === undefined || other === number || this.has(number, 1 << kind, other)) continue;
        (this.edges[number] as number[]).push((other << kindBits) | kind);
        (this.edges[other] as number[]).push((number << kindBits) | (inverse[kind] as number));
        touched.push(other);
      }
    }
    return touched;
  }

  /** Takes out the edges that the unit itself told, or all of them, at both ends. */
  private disconnect(number: number, all = false): void {
    this.structure++;
    const own = this.edges[number] as number[];
    const isOut = (edge: number): boolean => all || isForward[kindOf(edge)] === true;
    this.edges[number] = own.filter((edge) => !isOut(edge));
    for (const edge of own.filter(isOut)) {
      const other = otherOf(edge);
      const back = (number << kindBits) | (inverse[kindOf(edge)] as number);
      const theirs = this.edges[other] as number[];
      const at = theirs.indexOf(back);
      if (at >= 0) theirs.splice(at, 1);
      this.forget(other);
    }
  }

  /** Frees the place of a unit that systemd has unloaded and nobody names any more. */
  private forget(unit: number): void {
    const node = this.nodes[unit];
    if (node === undefined || node.known || this.edges[unit]?.length !== 0) return;
    this.numbers.delete(node.name);
    this.nodes[unit] = undefined;
    this.restless.delete(unit);
    this.free.push(unit);
  }
}

const isForward: readonly boolean[] = inverse.map((_, kind) =>
  forward.some(([, number]) => number === kind),
);

export function kindOf(edge: number): number {
  return edge & kindMask;
}

export function otherOf(edge: number): number {
  return edge >>> kindBits;
}

function sortEdges(edges: number[]): void {
  if (edges.length > 1) edges.sort(byKind);
}

/** Stable, so that within a kind they stay in systemd's own order. */
function byKind(a: number, b: number): number {
  return kindOf(a) - kindOf(b);
}
