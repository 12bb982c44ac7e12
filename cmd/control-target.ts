import { nearestName } from '../src/config/nearest.ts';
import type { Component } from '../src/model/platform.ts';
import { isUnitName, withType } from '../src/model/unit-name.ts';
import { printable } from '../src/outputs/terminal-text.ts';
import type { Site } from './platform-site.ts';

/** What a name stands for. */
export type Target =
  | { readonly kind: 'component'; readonly component: Component }
  | { readonly kind: 'unit'; readonly unit: string };

/**
 * A component of this host by its name (in any case, where only one is meant), else a unit that
 * systemd knows, with or without `.service`; or one sentence that says that there is none.
 */
export async function targetOf(
  site: Site,
  name: string,
): Promise<Target | { readonly wrong: string }> {
  // Whether components that are units run, is systemd's word.
  if (site.components.some(({ unit }) => unit !== '')) await site.units();
  const component = componentOf(site, name);
  if (component) return { kind: 'component', component };
  const unit = withType(name);
  const units = await site.units();
  const names = [...site.components.map((one) => one.name), ...site.unitNames];
  if ('fault' in units) {
    return { wrong: `${noSuch(name, names)} Units cannot be asked for: ${units.fault}` };
  }
  const known = isUnitName(unit) ? await units.knows(unit) : false;
  if (known === undefined) return { wrong: `systemd could not be asked about ${printable(name)}.` };
  return known ? { kind: 'unit', unit } : { wrong: noSuch(name, names) };
}

function componentOf({ components }: Site, name: string): Component | undefined {
  const exact = components.find((one) => one.name === name);
  if (exact) return exact;
  const wanted = name.toLowerCase();
  const similar = components.filter((one) => one.name.toLowerCase() === wanted);
  return similar.length === 1 ? similar[0] : undefined;
}

/** With the name that was most likely meant. */
function noSuch(name: string, names: readonly string[]): string {
  const bare = names.map((one) => one.replace(/\.service$/, ''));
  const meant = nearestName(name.replace(/\.service$/, ''), bare);
  const hint = meant === undefined ? '' : ` Did you mean ${printable(meant)}?`;
  return `There is no component and no unit ${printable(name)} here.${hint}`;
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
