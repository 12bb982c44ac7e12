import type { Config } from './keys.ts';

/** The table in which the configuration has a check of that name, on whatever host; undefined for none. */
export function tableOfCheck({ checks }: Config, name: string): string | undefined {
  const tables = { components: checks.components, tcp: checks.tcp, http: checks.http };
  const found = Object.entries(tables).find(([, entries]) => entries.has(name));
  return found && `checks.${found[0]}`;
}

/** One sentence where a service of the monitor may not be called so; undefined where it may. */
export function reservedName(config: Config, name: string): string | undefined {
  const table = tableOfCheck(config, name);
  return (
    table &&
    `The configuration has a check of this name, in ${table}: events, metrics and alarms tell checks apart by their names alone; choose another one.`
  );
}
