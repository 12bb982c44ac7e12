import { platformFaults } from '../checks/process/platform-faults.ts';
import { isHostName } from '../checks/tcp/host-name.ts';
import { headerFault } from '../model/http-header.ts';
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
    ...tcpClashes(config),
    ...nameClashes(config),
    ...tokenClashes(config),
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

function tcpClashes({ checks }: Config): readonly Clash[] {
  return [...checks.tcp].flatMap(([name, { host }]) =>
    isHostName(host)
      ? []
      : [
          {
            path: ['checks', 'tcp', name, 'host'],
            text: 'must be a host name or an IP address alone, without brackets, scheme or port',
          },
        ],
  );
}

function httpClashes({ checks }: Config): readonly Clash[] {
  return [...checks.http].flatMap(([name, one]) => {
    const path = ['checks', 'http', name];
    const isLost = one.check_regex && one.regex === undefined;
    const lost = { path: [...path, 'check_regex'], text: 'is true, and there is no regex' };
    return [...(isLost ? [lost] : []), ...headerClashes(one, path)];
  });
}

/** A bearer token is ASCII without spaces, RFC 6750 section 2.1; another could never fit. */
function tokenClashes({ page }: Config): readonly Clash[] {
  const token = page.token?.reveal() ?? '';
  if (/^[\x21-\x7e]*$/.test(token)) return [];
  const text = 'may have ASCII letters, digits and signs only, and no spaces: a header carries it';
  return [{ path: ['page', 'token'], text }];
}

type Headers = Pick<
  Config['checks']['http'] extends ReadonlyMap<string, infer One> ? One : never,
  'headers' | 'secret_headers'
>;

function headerClashes(one: Headers, path: readonly string[]): readonly Clash[] {
  const taken = new Set<string>();
  const secret = [...one.secret_headers].map(([name, value]) => [name, value.reveal()] as const);
  const tables = { headers: [...one.headers], secret_headers: secret };
  return Object.entries(tables).flatMap(([table, headers]) =>
    headers.flatMap(([name, value]) => {
      const lower = name.toLowerCase();
      const text = taken.has(lower) ? 'stands there twice' : headerFault(name, value);
      taken.add(lower);
      return text === undefined ? [] : [{ path: [...path, table, name], text }];
    }),
  );
}
