/** Of each name, the other given ones it depends on, directly or through names that are not given. */
export type Order = (names: readonly string[]) => ReadonlyMap<string, readonly string[]>;

/**
 * Whom each one waits for, without circles: where the dependencies make one, the name that comes
 * first among them goes first. Names that are not given are left out.
 */
export function withoutCircles(
  names: readonly string[],
  dependsOn: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const given = new Set(names);
  const waitsFor = new Map<string, string[]>();
  const done = new Set<string>();
  for (const root of names) {
    if (done.has(root)) continue;
    // Depth first on a stack of our own: a chain of thousands must not fill the call stack.
    const path: { readonly name: string; readonly left: string[] }[] = [];
    const onPath = new Set<string>();
    const enter = (name: string): void => {
      const left = (dependsOn.get(name) ?? []).filter((other) => given.has(other));
      path.push({ name, left });
      onPath.add(name);
      waitsFor.set(name, []);
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const other = top.left.shift();
      if (other === undefined) {
        path.pop();
        onPath.delete(top.name);
        done.add(top.name);
      } else if (!onPath.has(other)) {
        waitsFor.get(top.name)?.push(other);
        if (!done.has(other)) enter(other);
      }
    }
  }
  return waitsFor;
}
