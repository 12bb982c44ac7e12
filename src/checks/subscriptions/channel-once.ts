import type { Channel, Message, Sent } from './channel.ts';
import { within, wordsOf } from './own-code.ts';
import type { Settings } from './settings.ts';

/** Twice the limit of the slowest way of our own. */
const limitMs = 120_000;

/**
 * One attempt, whatever the channel does: it may be of a program's own, and throw, hang or answer
 * nonsense. Then it is tried again, as often as any other that failed.
 */
export async function sendOnce(
  channel: Channel,
  message: Message,
  settings: Settings,
): Promise<Sent> {
  try {
    const sent = await within(limitMs, channel.send(message, settings));
    if (sent) return sentOf(sent.value);
    return { ok: false, reason: `it was not over after ${limitMs / 1_000} s`, again: true };
  } catch (error) {
    return { ok: false, reason: wordsOf(error), again: true };
  }
}

function sentOf(value: unknown): Sent {
  const { ok, reason = '', again } = Object(value);
  if (ok === true) return { ok };
  if (ok === false) return { ok, reason: wordsOf(reason), again: again !== false };
  return { ok: false, reason: 'it did not say whether it worked', again: true };
}
