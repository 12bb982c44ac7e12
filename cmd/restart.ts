import { controlCommand } from './control-command.ts';
import type { CommandIo } from './io.ts';

const help = `Usage: unitwatch restart NAME [--yes] [--timeout TIME] [--host HOST]
                        [--bus BUS] [--config FILE]

Restarts a component or a unit. It warns of what runs and would suffer, and asks
where somebody can be asked. What a component depends on is started before it
where it does not run.
NAME may have spaces; in quotes or not.

  --yes            do not ask
  --timeout TIME   for each step (default 2m); what was begun goes on then
  --host HOST      the list of components of that host; they are on this machine
  --bus BUS        systemd's bus: system, user, or an address
  --config FILE    configuration instead of /etc/unitwatch/unitwatch.yaml
  --help           print this text

Exit status: 0; 1 where it did not work; 2 where the command line or the
configuration is wrong.
`;

/** `unitwatch restart NAME`. @returns the exit status */
export function restart(argv: readonly string[], io: CommandIo): Promise<number> {
  return controlCommand('restart', help, argv, io);
}
