import { platformFaults } from '../checks/process/platform-faults.ts';
import type { Config } from './keys.ts';
import { platformOf } from './platform.ts';
import { processSettings } from './process-settings.ts';
import type { Clash } from './read.ts';

/** What is wrong with a configuration whose values are right each for itself. */
export async function clashes(config: Config): Promise<readonly Clash[]> {
  const platform = await platformFaults(platformOf(config));
  return [
    ...restartClashes(config),
    ...httpClashes(config),
    ...nameClashes(config),
    ...platform.map(({ path, text }) => ({ path: ['checks', ...path], text })),
  ];
}

const noCommand = 'is custom, and there is no restart_command';

function restartClashes(config: Config): readonly Clash[] {
  const { default: common, processes } = config.restart;
  const isCommon = common.restart_strategy === 'custom' && common.restart_command === undefined;
  const path = ['restart', 'default', 'restart_strategy'];
  if (isCommon) return [{ path, text: noCommand }];
  return [...processes.keys()].flatMap((name) => {
    const { strategy, restartCommand } = processSettings(config, name);
    return strategy === 'custom' && restartCommand === undefined
      ? [{ path: ['restart', 'processes', name, 'restart_strategy'], text: noCommand }]
      : [];
  });
}

/** Events and metrics tell checks apart by their names alone. */
function nameClashes({ checks }: Config): readonly Clash[] {
  const tables = { components: checks.components, tcp: checks.tcp, http: checks.http };
  const taken = new Map<string, string>();
  return Object.entries(tables).flatMap(([table, entries]) =>
    [...entries.keys()].flatMap((name) => {
      const other = taken.get(name);
      if (other === undefined) taken.set(name, table);
      return other === undefined
        ? []
        : [{ path: ['checks', table, name], text: `checks.${other} has this name already` }];
    }),
  );
}

function httpClashes({ checks }: Config): readonly Clash[] {
  return [...checks.http].flatMap(([name, { check_regex, regex }]) =>
    check_regex && regex === undefined
      ? [{ path: ['checks', 'http', name, 'check_regex'], text: 'is true, and there is no regex' }]
      : [],
  );
}
