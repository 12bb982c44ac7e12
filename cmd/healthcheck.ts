import { formatAddress } from '../src/config/address.ts';
import { loadConfig } from '../src/config/load.ts';
import { shown } from '../src/config/shown.ts';
import { type Answer, ask } from './api-client.ts';
import type { CommandIo } from './io.ts';
import { askedWrongly, overridesOf, parseOptions, unexpected } from './options.ts';

const help = `Usage: unitwatch healthcheck [--config FILE] [--listen HOST:PORT]

Asks the running agent whether it is well, at the address where it listens, and
says the answer in one sentence; for cron and containers. It is well when it
answers within 5 s and its bus has not been gone for longer than a minute.

  --config FILE  configuration instead of /etc/unitwatch/unitwatch.yaml
  --listen WHERE ask there instead
  --help         print this text

Exit status: 0 it is well, 1 it is not, 2 where the command line or the
configuration is wrong, or says that the agent listens nowhere.
`;

/** Docker's own default is 30 s; an agent that is well answers in milliseconds. */
const limitMs = 5_000;
/** The answer has below 200 bytes. */
const answerBytes = 65_536;

/** `unitwatch healthcheck`. @returns the exit status */
export async function healthcheck(argv: readonly string[], io: CommandIo): Promise<number> {
  const said = parseOptions(argv, {
    config: { type: 'string' },
    listen: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if ('wrong' in said) return askedWrongly('healthcheck', said.wrong, io);
  const [word] = said.positionals;
  if (word !== undefined) return askedWrongly('healthcheck', unexpected(word), io);
  const { values } = said;
  if (values.help) {
    io.stdout.write(help);
    return 0;
  }
  const overrides = overridesOf([{ path: 'listen', flag: '--listen', text: values.listen }]);
  const loaded = await loadConfig({ file: values.config, env: io.env, overrides });
  if ('faults' in loaded) {
    io.stderr.write(`${loaded.faults.join('\n')}\n`);
    return 2;
  }
  const { listen } = loaded.config;
  if (listen === 'off' || listen.port === 0) {
    const why = listen === 'off' ? 'is off' : 'has port 0, and the kernel chooses another';
    io.stderr.write(`unitwatch healthcheck: \`listen\` ${why}: there is nobody to ask.\n`);
    return 2;
  }
  const answer = await ask(listen, { path: '/healthz', limitMs, bytes: answerBytes });
  const { ok, sentence } = judged(answer, formatAddress(listen));
  (ok ? io.stdout : io.stderr).write(`${sentence}\n`);
  return ok ? 0 : 1;
}

function judged(
  answer: Answer,
  where: string,
): { readonly ok: boolean; readonly sentence: string } {
  const unwell = (sentence: string) => ({ ok: false, sentence });
  if ('fault' in answer) {
    switch (answer.fault) {
      case 'late':
        return unwell(
          `unitwatch at ${where} did not answer within ${limitMs / 1_000} s: it hangs.`,
        );
      case 'closed':
        return unwell(
          `Nobody answers at ${where} (${answer.reason}): unitwatch does not run there.`,
        );
      case 'cut':
      case 'long':
        return unwell(`What listens at ${where} gave no proper answer: ${answer.reason}.`);
    }
  }
  const told = toldBy(answer.body);
  if (told === undefined) return unwell(`What listens at ${where} is not unitwatch.`);
  if (answer.status === 200 && told.status === 'ok') {
    const bus = told.bus === 'lost' ? ', its bus is lost for the moment' : '';
    return { ok: true, sentence: `unitwatch at ${where} is well${bus}.` };
  }
  return unwell(`unitwatch at ${where} is not well: ${told.reason || 'it does not say why'}.`);
}

/** What /healthz says; undefined where somebody else answered. */
function toldBy(
  body: string,
): { readonly status: string; readonly bus: string; readonly reason: string } | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null || !('status' in value)) return undefined;
    if (typeof value.status !== 'string' || !('bus' in value)) return undefined;
    const reason = 'reason' in value ? shown(String(value.reason), 200) : '';
    return { status: value.status, bus: String(value.bus), reason };
  } catch {
    return undefined;
  }
}
