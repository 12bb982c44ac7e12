import { controlCommand } from './control-command.ts';
import type { CommandIo } from './io.ts';

const help = `Usage: unitwatch start NAME [--timeout TIME] [--host HOST]
                        [--bus BUS] [--config FILE]

Starts a component or a unit: first what it depends on, in order, each until it runs.
What runs already is left as it is. Units are started through systemd, others by
the start command that the configuration has for them.
NAME may have spaces; in quotes or not.

  --timeout TIME   for each step (default 2m); what was begun goes on then
  --host HOST      the list of components of that host; they are on this machine
  --bus BUS        systemd's bus: system, user, or an address
  --config FILE    configuration instead of /etc/unitwatch/unitwatch.yaml
  --help           print this text

Exit status: 0; 1 where it did not work; 2 where the command line or the
configuration is wrong.
`;

/** `unitwatch start NAME`. @returns the exit status */
export function start(argv: readonly string[], io: CommandIo): Promise<number> {
  return controlCommand('start', help, argv, io);
}
