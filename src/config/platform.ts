import type { Platform } from '../model/platform.ts';
import type { Config } from './keys.ts';

/** What the configuration says of a platform's components, groups and hosts. */
export function platformOf({ checks }: Pick<Config, 'checks'>): Platform {
  return {
    components: [...checks.components].map(([name, component]) => ({
      name,
      criteria: component.criteria,
      unit: component.unit ?? '',
      user: component.user ?? '',
      min: component.expected.min,
      max: component.expected.max ?? Number.POSITIVE_INFINITY,
      dependsOn: component.depends_on,
      dependsOnElsewhere: component.depends_on_elsewhere,
      start: component.start,
      stop: component.stop,
      workingDirectory: component.working_directory ?? '',
    })),
    groups: [...checks.groups].map(([name, components]) => ({ name, components })),
    hosts: [...checks.hosts].map(([name, host]) => ({
      name,
      names: host.names,
      groups: host.groups,
      components: host.components,
      variables: Object.fromEntries(host.variables),
      ip: host.ip ?? '',
    })),
  };
}
