import { type Channel, ok, unknownSetting } from './channel.ts';

/** The event stream itself: every delivery is an event, and this one is nothing more. */
export const eventChannel: Channel = {
  fault: (settings) => unknownSetting(settings, []),
  send: async () => ok,
};
