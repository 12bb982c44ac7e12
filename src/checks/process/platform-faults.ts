import type { Component, Platform } from '../../model/platform.ts';
import { compileRegex, fillIn, variablesOf } from '../regex.ts';
import { DependencyOrder } from './dependencies.ts';

/**
 * Everything that is wrong with a platform's list, each in one sentence that names its place; none
 * when it can be used.
 */
export async function platformFaults(platform: Platform): Promise<readonly string[]> {
  const faults = [...namesTwice(platform), ...unknownNames(platform)];
  for (const component of platform.components) {
    faults.push(...shapeFaults(component), ...(await regexFaults(component, platform)));
  }
  for (const cycle of new DependencyOrder(platform.components).cycles()) {
    faults.push(`depends_on goes in a circle: ${cycle.join(' → ')}`);
  }
  return faults;
}

function namesTwice({ components, groups, hosts }: Platform): string[] {
  const twice = (what: string, list: readonly { readonly name: string }[]): string[] => {
    const names = list.map(({ name }) => name.toLowerCase());
    return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].map(
      (name) => `the ${what} ${name} stands there twice`,
    );
  };
  return [...twice('component', components), ...twice('group', groups), ...twice('host', hosts)];
}

function unknownNames({ components, groups, hosts }: Platform): string[] {
  const known = new Set(components.map(({ name }) => name));
  const onHosts = new Set([...known, ...groups.map(({ name }) => name)]);
  const missing = (where: string, names: readonly string[], among: ReadonlySet<string>): string[] =>
    names.filter((name) => !among.has(name)).map((name) => `${where}: there is no ${name}`);
  return [
    ...components.flatMap(({ name, dependsOn, dependsOnElsewhere }) =>
      missing(`${name}, depends_on`, [...dependsOn, ...dependsOnElsewhere], known),
    ),
    ...groups.flatMap(({ name, components: of }) => missing(`group ${name}`, of, known)),
    ...hosts.flatMap(({ name, components: of }) => missing(`host ${name}`, of, onHosts)),
  ];
}

function shapeFaults({ name, criteria, unit, min, max }: Component): string[] {
  const faults: string[] = [];
  if (criteria.length === 0 && unit === '') faults.push(`${name} has neither criteria nor a unit`);
  if (criteria.length > 0 && unit !== '')
    faults.push(`${name} has criteria and a unit; one is enough`);
  if (min > max)
    faults.push(`${name}: at least ${min} and at most ${max} processes cannot both be`);
  return faults;
}

/** Variables are set by hosts; here each has to have a value somewhere. */
async function regexFaults({ name, criteria }: Component, platform: Platform): Promise<string[]> {
  const set = platform.hosts.flatMap(({ variables }) => Object.keys(variables));
  const known = new Set([
    'host.ip',
    'host.name',
    ...set,
    ...set.map((variable) => `host.${variable}`),
  ]);
  const faults: string[] = [];
  for (const { regex } of criteria) {
    const names = variablesOf(regex);
    const unknown = names.find((variable) => !known.has(variable));
    if (unknown !== undefined) faults.push(`${name}: no host sets the variable ${unknown}`);
    const [source = regex] = fillIn(regex, new Map(names.map((variable) => [variable, ['x']])));
    const compiled = await compileRegex(source);
    if ('fault' in compiled) faults.push(`${name}: ${compiled.fault}`);
  }
  return faults;
}
