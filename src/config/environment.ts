import { assert } from '../model/assert.ts';
import { isCollection, type KeyTable, keyAt, keysOf, settablePaths } from './key.ts';
import { nearestName } from './nearest.ts';
import { rawOfText } from './raw.ts';
import type { Override, Setting } from './setting.ts';
import { shown } from './shown.ts';

const prefix = 'UNITWATCH_';

/** Names the configuration file; it is no key. */
export const fileVariable = 'UNITWATCH_CONFIG';

/**
 * What Kubernetes sets in every container beside a Service called `unitwatch`
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
 */
const kubernetesVariable = /^UNITWATCH_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\w+)?)$/;

export interface TextSettings {
  readonly settings: readonly Setting[];
  readonly faults: readonly string[];
}

/** `metrics.node_exporter_names` is UNITWATCH_METRICS_NODE_EXPORTER_NAMES. */
export function variableOf(path: string): string {
  return prefix + path.replaceAll('.', '_').toUpperCase();
}

/** Every `UNITWATCH_` variable; one that is no key's is a fault. */
export function environmentSettings(
  table: KeyTable,
  env: Readonly<Record<string, string | undefined>>,
): TextSettings {
  const ofFiles = keysOf(table).flatMap(([path, key]) => (isCollection(key) ? [path] : []));
  const ofTexts = settablePaths(table).filter((path) => !ofFiles.includes(path));
  const paths = new Map(ofTexts.map((path) => [variableOf(path), path]));
  const settings: Setting[] = [];
  const faults: string[] = [];
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (text === undefined || !name.startsWith(prefix) || name === fileVariable) continue;
    const path = paths.get(name);
    const inFile = ofFiles.find((file) => `${name}_`.startsWith(`${variableOf(file)}_`));
    if (path !== undefined) settings.push(settingOf(table, path, text, 'environment', name));
    else if (inFile !== undefined) faults.push(`${shown(name)}: ${onlyInFile(inFile)}`);
    else if (!kubernetesVariable.test(name)) faults.push(unknownVariable(name, [...paths.keys()]));
  }
  return { settings, faults };
}

function onlyInFile(path: string): string {
  return `${path} has entries of its own and is set in the configuration file only; remove the variable`;
}

function unknownVariable(name: string, names: readonly string[]): string {
  const bare = (variable: string): string => variable.slice(prefix.length);
  const meant = nearestName(bare(name), [fileVariable, ...names].map(bare));
  const hint = meant === undefined ? '' : `; did you mean '${prefix}${meant}'?`;
  return `${shown(name)}: is no variable of unitwatch${hint}`;
}

/** @throws where a path is no key's: the command line of unitwatch is wrong, not its user */
export function overrideSettings(
  table: KeyTable,
  overrides: readonly Override[],
): readonly Setting[] {
  return overrides.map(({ path, text, flag }) =>
    settingOf(table, path, text, 'command line', flag),
  );
}

function settingOf(
  table: KeyTable,
  path: string,
  text: string,
  source: 'environment' | 'command line',
  where: string,
): Setting {
  const key = keyAt(table, path);
  assert(key !== undefined, `${path} is no key`);
  return { path, key, raw: rawOfText(key, text), source, where };
}
