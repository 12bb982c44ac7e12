/**
 * Names by their next deadline, the earliest first. A binary heap that knows where each name stands,
 * so that a deadline is moved in logarithmic time instead of being searched.
 */
export class DeadlineHeap {
  readonly #names: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #deadlines = new Map<string, number>();

  get size(): number {
    return this.#names.length;
  }

  /** The earliest, or undefined where there is none. */
  first(): { readonly name: string; readonly at: number } | undefined {
    const name = this.#names[0];
    return name === undefined ? undefined : { name, at: this.#at(name) };
  }

  /** Enters or moves a name; Infinity takes it out. */
  set(name: string, at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.remove(name);
      return;
    }
    const place = this.#places.get(name);
    this.#deadlines.set(name, at);
    if (place === undefined) {
      this.#places.set(name, this.#names.push(name) - 1);
      this.#up(this.#names.length - 1);
    } else {
      this.#up(place);
      this.#down(this.#places.get(name) ?? 0);
    }
  }

  remove(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    const last = this.#names.pop() ?? name;
    this.#places.delete(name);
    this.#deadlines.delete(name);
    if (last === name) return;
    this.#names[place] = last;
    this.#places.set(last, place);
    this.#up(place);
    this.#down(this.#places.get(last) ?? 0);
  }

  #at(name: string | undefined): number {
    return name === undefined
      ? Number.POSITIVE_INFINITY
      : (this.#deadlines.get(name) ?? Number.POSITIVE_INFINITY);
  }

  #up(from: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#at(this.#names[parent]) <= this.#at(this.#names[place])) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #down(from: number): void {
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      const least = this.#at(this.#names[left + 1]) < this.#at(this.#names[left]) ? left + 1 : left;
      if (this.#at(this.#names[least]) >= this.#at(this.#names[place])) return;
      this.#swap(place, least);
      place = least;
    }
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#names[a], this.#names[b]];
    if (first === undefined || second === undefined) return;
    this.#names[a] = second;
    this.#names[b] = first;
    this.#places.set(second, a);
    this.#places.set(first, b);
  }
}
