import { shown } from '../src/config/shown.ts';
import { readPicture } from '../src/deps/answers.ts';
import { pictureOf } from '../src/deps/picture.ts';
import { type Format, formats, render } from '../src/deps/render.ts';
import { withType } from '../src/model/unit-name.ts';
import { askAgent, readGraph, type Source } from './dependencies.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions } from './options.ts';

const help = `Usage: unitwatch graph [UNIT] [--format text|dot|mermaid|json] [--depth N]
                       [--bus BUS] [--config FILE]

Shows which units depend on which: of the whole host what is up or failed, or
what one unit depends on and who depends on it. Units are grouped by slice; what
follows from two other dependencies is left out, and so is plain ordering.
The running agent is asked; where there is none, the units are read here.

  --format F     text (the default), dot, mermaid or json
  --depth N      steps away from UNIT; 3 by default
  --bus BUS      ask no agent, read the units of: system, user, or an address
  --config FILE  configuration instead of /etc/unitwatch/unitwatch.yaml
  --help         print this text

Exit status: 0, 1 where it could not be found out, 2 where the command line is wrong.
`;

interface Asked extends Source {
  readonly unit: string | undefined;
  readonly format: Format;
  readonly depth: number;
}

/** `unitwatch graph ...`. @returns the exit status */
export async function graph(argv: readonly string[], io: CommandIo): Promise<number> {
  const asked = parse(argv);
  if (asked === 'help') {
    io.stdout.write(help);
    return 0;
  }
  if ('wrong' in asked) return askedWrongly('graph', asked.wrong, io);
  const query = {
    ...(asked.unit !== undefined && { unit: asked.unit }),
    depth: String(asked.depth),
  };
  const answer = await askAgent(asked, io, '/api/graph', query, readPicture);
  if ('wrong' in answer) {
    io.stderr.write(`unitwatch graph: ${answer.wrong}\n`);
    return 2;
  }
  if ('told' in answer) {
    io.stdout.write(render(answer.told, asked.format));
    return 0;
  }
  const read = await readGraph(answer.bus, io);
  if ('wrong' in read) {
    io.stderr.write(`unitwatch graph: ${read.wrong}\n`);
    return 1;
  }
  const picture = pictureOf(read.graph, asked.unit, asked.depth);
  if (picture === undefined) {
    io.stderr.write(
      `unitwatch graph: systemd has not loaded ${shown(asked.unit ?? '')}: see systemctl list-units --all.\n`,
    );
    return 1;
  }
  io.stdout.write(render(picture, asked.format));
  return 0;
}

function parse(argv: readonly string[]): Asked | 'help' | { readonly wrong: string } {
  const said = parseOptions(argv, {
    format: { type: 'string', default: 'text' },
    depth: { type: 'string', default: '3' },
    bus: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return said;
  const { values, positionals } = said;
  if (values.help) return 'help';
  const [unit, ...more] = positionals;
  if (more.length > 0) return { wrong: 'name one unit, or none for all' };
  const format = formats.find((known) => known === values.format);
  if (format === undefined)
    return { wrong: `--format is ${formats.join(', ')} (got ${shown(values.format)})` };
  if (!/^\d{1,4}$/.test(values.depth))
    return { wrong: `--depth is a number of steps (got ${shown(values.depth)})` };
  return {
    unit: unit === undefined ? undefined : withType(unit),
    format,
    depth: Number(values.depth),
    bus: values.bus,
    config: values.config,
  };
}
