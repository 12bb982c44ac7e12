import { controlCommand, controlHelp } from './control-command.ts';
import type { CommandIo } from './io.ts';

const says = `Starts a component or a unit: first what it depends on, in order, each until it runs.
What runs already is left as it is. Units are started through systemd, others by
the start command that the configuration has for them.
`;

const help = controlHelp('start', says);

/** `unitwatch start NAME`. @returns the exit status */
export function start(argv: readonly string[], io: CommandIo): Promise<number> {
  return controlCommand('start', help, argv, io);
}
