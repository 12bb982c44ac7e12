import { nearestName } from '../src/config/nearest.ts';
import { nameOf, unitOf } from '../src/control/target.ts';
import { withType } from '../src/model/unit-name.ts';
import { printable } from '../src/outputs/terminal-text.ts';
import { type ControlContext, control, controlOf, targetOf } from './control.ts';
import { timeoutOf, wrongTimeout } from './control-command.ts';
import { impact } from './impact.ts';
import { parseOptions } from './options.ts';
import { eventsMax, showEvents } from './shell-events.ts';
import { show } from './status.ts';
import { look } from './status-look.ts';

export interface ShellContext extends ControlContext {
  /** A host was named: its list of components, wherever this is. */
  readonly hostNamed: boolean;
  /** `-y` for every command. */
  readonly yes: boolean;
}

interface ShellCommand {
  /** What stands behind the command, for `help`. */
  readonly takes: string;
  readonly says: string;
  /** @returns the exit status */
  run(words: readonly string[], context: ShellContext): Promise<number>;
}

const yes = { type: 'boolean', short: 'y', default: false } as const;
const all = { type: 'boolean', short: 'a', default: false } as const;
const timeout = { type: 'string', short: 't' } as const;

/** Every command of the shell; a new one is a row. */
const commands: Readonly<Record<string, ShellCommand>> = {
  list: { takes: '', says: 'names of the components, and what each depends on', run: list },
  status: {
    takes: '[-a]',
    says: 'components, checks, findings and services, problems first',
    run: (words, context) => status(words, context, false),
  },
  check: {
    takes: '[-a]',
    says: 'the same after a full check by the agent',
    run: (words, context) => status(words, context, true),
  },
  start: {
    takes: '[-t TIME] NAME',
    says: 'start it, and what it depends on before it',
    run: (words, context) => change('start', words, context),
  },
  stop: {
    takes: '[-y] [-a] [-t TIME] NAME',
    says: 'stop it (-a: what depends on it before it; -y: do not ask)',
    run: (words, context) => change('stop', words, context),
  },
  restart: {
    takes: '[-y] [-t TIME] NAME',
    says: 'restart it',
    run: (words, context) => change('restart', words, context),
  },
  impact: { takes: 'NAME', says: 'what suffers when it is stopped', run: tellImpact },
  events: { takes: '[-n COUNT] [NAME]', says: 'what happened last', run: events },
  help: { takes: '', says: 'this list', run: async (_words, context) => help(context) },
  exit: { takes: '', says: 'leave (or Ctrl-D)', run: async () => 0 },
};

/** What else a command is called. */
const aliases: Readonly<Record<string, string>> = { '?': 'help', quit: 'exit' };

/** For Tab: each command, and whether a name follows it. */
export const completed: ReadonlyMap<string, boolean> = new Map([
  ...Object.entries(commands).map(([name, { takes }]) => [name, takes.includes('NAME')] as const),
  ['quit', false],
]);

/** Runs one command. @returns the exit status, or `exit` */
export async function runCommand(
  words: readonly string[],
  context: ShellContext,
): Promise<number | 'exit'> {
  const [first = '', ...rest] = words;
  const name = Object.hasOwn(aliases, first) ? (aliases[first] ?? '') : first;
  if (name === 'exit') return 'exit';
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command) return command.run(rest, context);
  const meant = nearestName(first, [...completed.keys()]);
  const hint = meant === undefined ? 'See help.' : `Did you mean ${meant}?`;
  return wrong(context, `There is no command ${printable(first)}. ${hint}`);
}

function wrong({ io }: ShellContext, sentence: string): number {
  io.stderr.write(`${sentence}\n`);
  return 2;
}

async function list(words: readonly string[], context: ShellContext): Promise<number> {
  if (words.length > 0) return wrong(context, 'list takes nothing. See help.');
  const { site, io } = context;
  for (const { name, dependsOn, unit } of site.components) {
    const needs = dependsOn.length > 0 ? `  needs ${dependsOn.join(', ')}` : '';
    io.stdout.write(`${printable(`${name}${unit === '' ? '' : `  (${unit})`}${needs}`)}\n`);
  }
  if (site.components.length > 0) return 0;
  io.stdout.write(
    `${printable(site.note) || 'No components are configured (checks.components).'}\n`,
  );
  return 0;
}

async function status(
  words: readonly string[],
  context: ShellContext,
  refresh: boolean,
): Promise<number> {
  const said = parseOptions(words, { all });
  if ('wrong' in said) return wrong(context, said.wrong);
  if (said.positionals.length > 0) return wrong(context, 'It takes no name. See help.');
  const { site, config, hostNamed, io, source } = context;
  const seen = await look({ site, config, hostNamed, alone: source.bus !== undefined, refresh });
  return show(seen, config, { all: said.values.all, json: false }, io);
}

async function change(
  verb: 'start' | 'stop' | 'restart',
  words: readonly string[],
  context: ShellContext,
): Promise<number> {
  const said = parseOptions(words, { yes, all, timeout });
  if ('wrong' in said) return wrong(context, said.wrong);
  const { values, positionals } = said;
  const timeoutMs = timeoutOf(values.timeout);
  if (timeoutMs === undefined) return wrong(context, wrongTimeout);
  if (positionals.length === 0) return wrong(context, `${verb} what? Name a component or a unit.`);
  if (values.all && verb !== 'stop') return wrong(context, '-a belongs to stop.');
  const name = positionals.join(' ');
  return control(
    { verb, name, yes: values.yes || context.yes, all: values.all, timeoutMs },
    context,
  );
}

async function tellImpact(words: readonly string[], context: ShellContext): Promise<number> {
  if (words.length === 0) return wrong(context, 'impact of what? Name a component or a unit.');
  const { site, io, source } = context;
  const engine = controlOf(context);
  const target = await targetOf(engine, site, words.join(' '));
  if ('wrong' in target) return wrong(context, target.wrong);
  const unit = unitOf(target);
  if (target.kind === 'component') {
    const component = { ...target.component, unit: '' };
    const { names } = await engine.harm({ kind: 'component', component }, 'stop');
    const name = printable(nameOf(target));
    const line =
      names.length === 0
        ? `No component that runs depends on ${name}.`
        : `When ${name} stops, these components suffer: ${names.map(printable).join(', ')}`;
    io.stdout.write(`${line}\n`);
  }
  if (unit === undefined) return 0;
  const { bus, config } = source;
  const where = [
    ...(bus === undefined ? [] : ['--bus', bus]),
    ...(config === undefined ? [] : ['--config', config]),
  ];
  return impact([...where, '--', withType(unit)], io);
}

async function events(words: readonly string[], context: ShellContext): Promise<number> {
  const said = parseOptions(words, { count: { type: 'string', short: 'n', default: '20' } });
  if ('wrong' in said) return wrong(context, said.wrong);
  const count = Number(said.values.count);
  if (!Number.isInteger(count) || count < 1 || count > eventsMax) {
    return wrong(context, `-n is a number from 1 to ${eventsMax}.`);
  }
  const { site, config, io } = context;
  const name = said.positionals.join(' ');
  const target = name === '' ? undefined : await targetOf(controlOf(context), site, name);
  const known = target && !('wrong' in target) ? nameOf(target) : name;
  return showEvents(config, known, count, io);
}

function help({ io }: ShellContext): number {
  const rows = Object.entries(commands).map(([name, { takes, says }]) => {
    const left = `${name} ${takes}`.trimEnd();
    return left.length > 24 ? `${left}\n${' '.repeat(26)}${says}` : `${left.padEnd(26)}${says}`;
  });
  io.stdout.write(
    `${rows.join('\n')}\nNames may have spaces, in quotes or not; Tab completes them.\n`,
  );
  return 0;
}
