import { join } from 'node:path';
import type { Config } from './config/keys.ts';
import type { Clock } from './model/time.ts';
import type { StateFile } from './outputs/state-file.ts';
import type { AlarmSource } from './restart/contract.ts';
import type { SourceOptions } from './restart/sources/options.ts';

interface SourcesOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly host: string;
}

/** Whether this host has what is called so. @throws SourceError where that cannot be told now */
export type IsLocal = (process: string) => Promise<boolean>;
export type MakeSources = (isLocal: IsLocal) => readonly AlarmSource[];

/** The source of the database that is configured; its package is loaded only then. */
export async function sourcesOf(
  { config, clock, host }: SourcesOptions,
  file: (name: string) => StateFile | undefined,
): Promise<MakeSources> {
  const { database, state_directory } = config;
  const memory = file('alarms.json');
  const keeper = memory && {
    read: () => memory.read(),
    write: (text: string) => memory.write([text]),
  };
  const common = (isLocal: IsLocal): SourceOptions => ({
    ...{ clock, hostName: host, keeper, isLocal },
  });
  switch (database.driver) {
    case 'off':
      return () => [];
    case 'mysql': {
      const { mysqlSource } = await import('./restart/sources/mysql.ts');
      return (isLocal) => [mysqlSource({ ...database, ...common(isLocal) })];
    }
    case 'sqlite': {
      const { sqliteSource } = await import('./restart/sources/sqlite.ts');
      const path = database.path ?? join(state_directory, 'alarms.sqlite');
      return (isLocal) => [sqliteSource({ ...database, path, ...common(isLocal) })];
    }
  }
}
