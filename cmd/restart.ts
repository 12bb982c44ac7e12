import { controlCommand, controlHelp } from './control-command.ts';
import type { CommandIo } from './io.ts';

const says = `Restarts a component or a unit. It warns of what runs and would suffer, and asks
where somebody can be asked. What a component depends on is started before it
where it does not run.
`;

const options = `  --yes            do not ask
`;

const help = controlHelp('restart [--yes]', says, options);

/** `unitwatch restart NAME`. @returns the exit status */
export function restart(argv: readonly string[], io: CommandIo): Promise<number> {
  return controlCommand('restart', help, argv, io);
}
