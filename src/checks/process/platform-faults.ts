import type { Component, Platform } from '../../model/platform.ts';
import { compileRegex, fillIn, variablesOf } from '../regex.ts';
import { DependencyOrder } from './dependencies.ts';

/** A fault of a platform's list, with the names that lead to what is to be mended. */
export interface PlatformFault {
  readonly path: readonly string[];
  readonly text: string;
}

/** Everything that is wrong with a platform's list; none when it can be used. */
export async function platformFaults(platform: Platform): Promise<readonly PlatformFault[]> {
  const faults = [...namesTwice(platform), ...unknownNames(platform)];
  for (const component of platform.components) {
    faults.push(...shapeFaults(component), ...(await regexFaults(component, platform)));
  }
  for (const cycle of new DependencyOrder(platform.components).cycles()) {
    const [first = ''] = cycle;
    const text = `goes in a circle: ${cycle.join(' → ')}`;
    faults.push({ path: ['components', first, 'depends_on'], text });
  }
  return faults;
}

/** Names are compared without regard to case, so that two can stand there that YAML tells apart. */
function namesTwice({ components, groups, hosts }: Platform): PlatformFault[] {
  const twice = (what: string, list: readonly { readonly name: string }[]): PlatformFault[] => {
    const first = new Map<string, string>();
    const faults: PlatformFault[] = [];
    for (const { name } of list) {
      const other = first.get(name.toLowerCase());
      if (other === undefined) first.set(name.toLowerCase(), name);
      else faults.push({ path: [what, name], text: `the name ${other} stands there already` });
    }
    return faults;
  };
  return [...twice('components', components), ...twice('groups', groups), ...twice('hosts', hosts)];
}

function unknownNames({ components, groups, hosts }: Platform): PlatformFault[] {
  const known = new Set(components.map(({ name }) => name));
  const onHosts = new Set([...known, ...groups.map(({ name }) => name)]);
  const missing = (
    path: readonly string[],
    names: readonly string[],
    among: ReadonlySet<string>,
    what = 'component',
  ): PlatformFault[] =>
    names
      .filter((name) => !among.has(name))
      .map((name) => ({ path, text: `there is no ${what} ${name}` }));
  return [
    ...components.flatMap(({ name, dependsOn, dependsOnElsewhere }) => [
      ...missing(['components', name, 'depends_on'], dependsOn, known),
      ...missing(['components', name, 'depends_on_elsewhere'], dependsOnElsewhere, known),
    ]),
    ...groups.flatMap(({ name, components: of }) => missing(['groups', name], of, known)),
    ...hosts.flatMap(({ name, components: of }) =>
      missing(['hosts', name, 'components'], of, onHosts, 'component or group'),
    ),
  ];
}

function shapeFaults({ name, criteria, unit, min, max }: Component): PlatformFault[] {
  const texts: string[] = [];
  if (criteria.length === 0 && unit === '') texts.push('has neither criteria nor a unit');
  if (criteria.length > 0 && unit !== '') texts.push('has criteria and a unit; one is enough');
  if (min > max) texts.push(`at least ${min} and at most ${max} processes cannot both be`);
  return texts.map((text) => ({ path: ['components', name], text }));
}

/** Variables are set by hosts; here each has to have a value somewhere. */
async function regexFaults(
  { name, criteria }: Component,
  platform: Platform,
): Promise<PlatformFault[]> {
  const set = platform.hosts.flatMap(({ variables }) => Object.keys(variables));
  const known = new Set([
    'host.ip',
    'host.name',
    ...set,
    ...set.map((variable) => `host.${variable}`),
  ]);
  const texts: string[] = [];
  for (const { regex } of criteria) {
    const names = variablesOf(regex);
    const unknown = names.find((variable) => !known.has(variable));
    if (unknown !== undefined) texts.push(`no host sets the variable ${unknown}`);
    const [source = regex] = fillIn(regex, new Map(names.map((variable) => [variable, ['x']])));
    const compiled = await compileRegex(source);
    if ('fault' in compiled) texts.push(compiled.fault);
  }
  return texts.map((text) => ({ path: ['components', name, 'criteria'], text }));
}
