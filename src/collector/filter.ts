import { isGlob, matcher } from '../model/pattern.ts';
import { unitType, withType } from '../model/unit-name.ts';
import { isContainerUnit } from './containers.ts';

export interface FilterOptions {
  /** Follow every unit of `unitTypes` that is not on the blacklist. */
  readonly monitorAll: boolean;
  /** Names, globs and `/regex/`; a name without a type is a service's. */
  readonly whitelist: readonly string[];
  /** The same; it wins over the whitelist. */
  readonly blacklist: readonly string[];
  /** Only container runtimes and what belongs to them. */
  readonly containersOnly: boolean;
  readonly unitTypes: readonly string[];
}

/** Which units are followed. */
export interface Filter {
  follows(name: string): boolean;
  /** Names that are wanted even while systemd does not know them. */
  readonly wanted: ReadonlySet<string>;
  /** For ListUnitsByPatterns: nothing outside these is ever followed. */
  readonly patterns: readonly string[];
}

export function unitFilter(options: FilterOptions): Filter {
  const types = new Set(options.unitTypes);
  const white = options.whitelist.map(completed);
  const whitelisted = anyOf(white);
  const blacklisted = anyOf(options.blacklist.map(completed));
  const wanted = new Set(white.filter((name) => !isGlob(name) && !blacklisted(name)));
  return {
    wanted,
    patterns: [...new Set([...types, ...[...wanted].map(unitType)])].map((type) => `*.${type}`),
    follows: (name) =>
      wanted.has(name) ||
      (types.has(unitType(name)) &&
        (options.monitorAll || whitelisted(name)) &&
        !blacklisted(name) &&
        (!options.containersOnly || isContainerUnit(name))),
  };
}

function completed(pattern: string): string {
  return isGlob(pattern) ? pattern : withType(pattern);
}

function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const matchers = patterns.map(matcher);
  return (name) => matchers.some((matches) => matches(name));
}
