import { shown } from '../src/config/shown.ts';
import { readImpact, type ToldImpact, toldImpact } from '../src/deps/answers.ts';
import { type Affected, type Trigger, triggers } from '../src/deps/impact.ts';
import { withType } from '../src/model/unit-name.ts';
import { askAgent, readGraph, type Source } from './dependencies.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions } from './options.ts';

const help = `Usage: unitwatch impact UNIT [--on stop|crash|restart] [--json]
                        [--bus BUS] [--config FILE]

Says what systemd does to other units when something happens to one of them:
which it stops, which it restarts, which stay up without something that they
need or want, which can then not be started; each with the way that leads there.
The running agent is asked; where there is none, the units are read here.

  --on stop      systemctl stop UNIT (the default)
  --on crash     its main process is killed
  --on restart   systemctl restart UNIT
  --json         print JSON
  --bus BUS      ask no agent, read the units of: system, user, or an address
  --config FILE  configuration instead of /etc/unitwatch/unitwatch.yaml
  --help         print this text

Exit status: 0, 1 where it could not be found out, 2 where the command line is wrong.
`;

interface Asked extends Source {
  readonly unit: string;
  readonly on: Trigger;
  readonly json: boolean;
}

/** `unitwatch impact ...`. @returns the exit status */
export async function impact(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if (asked === 'help') {
    io.stdout.write(help);
    return 0;
  }
  if ('wrong' in asked) return askedWrongly('impact', asked.wrong, io);
  const found = await find(asked, io);
  if ('wrong' in found) {
    io.stderr.write(`unitwatch impact: ${found.wrong}\n`);
    return found.status;
  }
  io.stdout.write(asked.json ? `${JSON.stringify(found, undefined, 2)}\n` : text(found));
  return 0;
}

async function find(
  asked: Asked,
  io: CommandIo,
): Promise<ToldImpact | { readonly wrong: string; readonly status: number }> {
  const { unit, on } = asked;
  const query = { unit: withType(unit), on };
  const answer = await askAgent(asked, io, '/api/impact', query, readImpact);
  if ('wrong' in answer) return { ...answer, status: 2 };
  if ('told' in answer) return answer.told;
  const built = await readGraph(answer.bus, io);
  if ('wrong' in built) return { ...built, status: 1 };
  return (
    toldImpact(built.graph, unit, on) ?? {
      wrong: `systemd has not loaded ${shown(withType(unit))}: see systemctl list-units --all.`,
      status: 1,
    }
  );
}

function parse(argv: readonly string[]): Asked | 'help' | { readonly wrong: string } {
  const said = parseOptions(argv, {
    on: { type: 'string', default: 'stop' },
    json: { type: 'boolean', default: false },
    bus: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  const { values, positionals } = said;
  if (values.help) return 'help';
  const [unit, ...more] = positionals;
  if (unit === undefined || more.length > 0) return { wrong: 'name one unit' };
  const on = triggers.find((trigger) => trigger === values.on);
  if (on === undefined)
    return { wrong: `--on is stop, crash or restart (got ${shown(values.on)})` };
  return { unit, on, json: values.json, bus: values.bus, config: values.config };
}

const verbs: Readonly<Record<Trigger, string>> = {
  stop: 'stops',
  crash: 'crashes',
  restart: 'is restarted',
};

function text(found: ToldImpact): string {
  const { containers = [] } = found;
  const head = `When ${shown(found.unit)} ${verbs[found.on]}:`;
  const parts = [
    head,
    ...(found.refused ? [`systemd refuses: ${found.refused}.`] : []),
    ...(found.endless ? ['systemd does not come to rest: units start and stop each other.'] : []),
    ...(found.chance ? ['it may come otherwise: in systemd this depends on chance.'] : []),
    ...section('stopped', found.stopped),
    ...section('restarted', found.restarted),
    ...section('degraded, but up', found.degraded),
    ...section('cannot be started then', found.blocked),
    ...(containers.length > 0
      ? [
          `containers and pods that lose their runtime (${containers.length})`,
          ...containers.map(({ kind, id, unit }) => `  ${kind} ${shown(id)}  ${shown(unit)}`),
        ]
      : []),
  ];
  if (parts.length === 1) parts.push('nothing happens to other units.');
  return `${parts.join('\n')}\n`;
}

function section(title: string, list: readonly Affected[]): string[] {
  if (list.length === 0) return [];
  return [`${title} (${list.length})`, ...list.map((one) => `  ${shown(one.unit)}${way(one)}`)];
}

/** How it comes to that: `<- RequiredBy api.service <- BoundBy db.service`. */
function way({ path, kinds }: Affected): string {
  const steps = path.slice(0, -1).map((name, i) => `<- ${kinds[i] ?? ''} ${shown(name)}`);
  return steps.length === 0 ? '' : `  ${steps.reverse().join(' ')}`;
}
