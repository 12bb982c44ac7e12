import type { Draft, Event, EventType } from './event.ts';

/** Numbers the events of one run of the agent and names the host they come from. */
export class Stamp {
  /** Events made so far, by type. */
  readonly made: Partial<Record<EventType, number>> = {};
  private readonly host: string;
  private readonly bootId: string;
  private seq = 0;

  /** @param bootId 32 hexadecimal digits; empty where it is not known */
  constructor(host: string, bootId: string) {
    this.host = host;
    this.bootId = bootId;
  }

  event(draft: Draft): Event {
    this.seq++;
    this.made[draft.event_type] = (this.made[draft.event_type] ?? 0) + 1;
    const { seq, host, bootId } = this;
    // Spreading loses which type the data belongs to; a draft is an event but for these fields.
    return { seq, host, ...(bootId && { boot_id: bootId }), ...draft } as Event;
  }
}
