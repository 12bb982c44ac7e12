import { defaultComponent, type Platform } from '../model/platform.ts';
import type { Config } from './keys.ts';

/** What the configuration says about a platform, in the words of the checks. */
export function platformOf({ components, groups, hosts }: Config['checks']): Platform {
  return {
    components: [...components].map(([name, entry]) => ({
      ...defaultComponent,
      name,
      criteria: entry.criteria,
      unit: entry.unit ?? '',
      user: entry.user ?? '',
      min: entry.expected.min,
      max: entry.expected.max ?? defaultComponent.max,
      dependsOn: entry.depends_on,
      dependsOnElsewhere: entry.depends_on_elsewhere,
      start: entry.start,
      stop: entry.stop,
      workingDirectory: entry.working_directory ?? '',
    })),
    groups: [...groups].map(([name, of]) => ({ name, components: of })),
    hosts: [...hosts].map(([name, entry]) => ({
      name,
      names: entry.names,
      groups: entry.groups,
      components: entry.components,
      variables: Object.fromEntries(entry.variables),
      ip: entry.ip ?? '',
    })),
  };
}
