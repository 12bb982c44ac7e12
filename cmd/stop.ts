import { controlCommand, controlHelp } from './control-command.ts';
import type { CommandIo } from './io.ts';

const says = `Stops a component or a unit. It warns of what runs and would suffer, and asks
where somebody can be asked.
`;

const options = `  --yes            do not ask
  --all            stop what depends on it too, before it
`;

const help = controlHelp('stop [--yes] [--all]', says, options);

/** `unitwatch stop NAME`. @returns the exit status */
export function stop(argv: readonly string[], io: CommandIo): Promise<number> {
  return controlCommand('stop', help, argv, io);
}
