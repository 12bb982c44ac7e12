import { type Config, keys } from '../../src/config/keys.ts';
import { readConfig } from '../../src/config/read.ts';
import type { Origins, Override } from '../../src/config/setting.ts';

type Env = Readonly<Record<string, string>>;

/** Reads text as the file `c.yaml` of an ordinary user, with no secret anywhere else. */
export function read(
  text: string | undefined,
  env: Env = {},
  overrides: readonly Override[] = [],
  worldReadable = true,
): ReturnType<typeof readConfig<typeof keys>> {
  return readConfig(keys, {
    file: text === undefined ? undefined : { name: 'c.yaml', text, worldReadable },
    around: { env, uid: 1000, home: '/home/u' },
    overrides,
    readSecret: async () => undefined,
  });
}

export async function faultsOf(text: string | undefined, env: Env = {}): Promise<string[]> {
  const outcome = await read(text, env);
  return 'faults' in outcome ? [...outcome.faults] : [];
}

export async function configOf(
  text: string | undefined,
  env: Env = {},
  overrides: readonly Override[] = [],
  worldReadable = true,
): Promise<{ config: Config; origins: Origins }> {
  const outcome = await read(text, env, overrides, worldReadable);
  if ('faults' in outcome) throw new Error(outcome.faults.join('\n'));
  return outcome;
}
