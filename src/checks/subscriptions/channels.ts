import type { Channel } from './channel.ts';
import { commandChannel } from './channel-command.ts';
import { emailChannel, type SmtpSettings } from './channel-email.ts';
import { eventChannel } from './channel-event.ts';
import { webhookChannel } from './channel-webhook.ts';

/** How callers can be told. Adding a way is a file and a row here; a program adds its own at run time. */
export function channelsOf(smtp: SmtpSettings | undefined): Map<string, Channel> {
  const channels = {
    event: eventChannel,
    webhook: webhookChannel,
    command: commandChannel,
    email: emailChannel(smtp),
  } satisfies Record<string, Channel>;
  return new Map(Object.entries(channels));
}
