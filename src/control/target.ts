import type { Component } from '../model/platform.ts';
import { withType } from '../model/unit-name.ts';

/** What a name stands for. */
export type Target =
  | { readonly kind: 'component'; readonly component: Component }
  | { readonly kind: 'unit'; readonly unit: string };

/** The component of that name, in any case where only one is meant. */
export function componentNamed(
  components: readonly Component[],
  name: string,
): Component | undefined {
  const exact = components.find((one) => one.name === name);
  if (exact) return exact;
  const wanted = name.toLowerCase();
  const similar = components.filter((one) => one.name.toLowerCase() === wanted);
  return similar.length === 1 ? similar[0] : undefined;
}

export function nameOf(target: Target): string {
  return target.kind === 'component' ? target.component.name : target.unit;
}

/** The unit that it is; undefined for a component that is known by its processes. */
export function unitOf(target: Target): string | undefined {
  if (target.kind === 'unit') return target.unit;
  const { unit } = target.component;
  return unit === '' ? undefined : withType(unit);
}
