import { printable } from '../src/outputs/terminal-text.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, parseOptions, unexpected } from './options.ts';
import type { ShellContext } from './shell-commands.ts';
import { runScript } from './shell-script.ts';
import { runSession } from './shell-session.ts';
import { openSite } from './status.ts';

const help = `Usage: unitwatch shell [HOST] [-e] [--yes] [--bus BUS] [--config FILE]

A prompt to look at components and units and to start, stop and restart them;
help there lists the commands. HOST picks the list of components that the
configuration has for it; they are on this machine.

Commands can be piped in, one a line; empty lines and what follows a # are left
out. Then nobody is asked: a stop warns of what suffers, and goes on.

  -e             end at the first command that fails, where commands are piped in
  --yes          never ask
  --bus BUS      systemd's bus: system, user, or an address; no agent is asked
  --config FILE  configuration instead of /etc/unitwatch/unitwatch.yaml
  --help         print this text

Exit status: 0 at a prompt; else that of the last command: 0, 1 where it did not
work, 2 where it, the command line or the configuration is wrong.
`;

/** `unitwatch shell`. @returns the exit status */
export async function shell(argv: readonly string[], io: CommandIo): Promise<number> {
  const said = parseOptions(argv, {
    errexit: { type: 'boolean', short: 'e', default: false },
    yes: { type: 'boolean', short: 'y', default: false },
    bus: { type: 'string' },
    config: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return askedWrongly('shell', said.wrong, io);
  const { values, positionals } = said;
  if (values.help) {
    io.stdout.write(help);
    return 0;
  }
  const [host, more] = positionals;
  if (more !== undefined) return askedWrongly('shell', unexpected(more), io);
  const opened = await openSite('shell', io, { ...values, host });
  if (typeof opened === 'number') return opened;
  const { site, config } = opened;
  const shared: Omit<ShellContext, 'signal' | 'confirm'> = {
    ...{ site, config, io, yes: values.yes, hostNamed: host !== undefined },
    source: { bus: values.bus, config: values.config },
  };
  try {
    if (process.stdin.isTTY && process.stdout.isTTY) {
      return await runSession(shared, printable(config.shell.prompt));
    }
    return await runScript(shared, values.errexit);
  } finally {
    site.close();
  }
}
