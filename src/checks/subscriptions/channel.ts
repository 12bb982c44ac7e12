import type { Settings } from './settings.ts';

/** What a caller is told, as it goes over every channel. */
export interface Message {
  /** The same in every attempt: who gets it twice can drop the second. */
  readonly id: string;
  /** Id of the caller. */
  readonly caller: string;
  readonly service: string;
  readonly state: 'up' | 'down';
  /** When it was first seen so, RFC 3339. */
  readonly since: string;
  /** Why it is down; empty where it is up or nobody knows. */
  readonly reason: string;
  /** When the caller was to be told, RFC 3339. */
  readonly told: string;
  /** Changes before it that were left out because they were too many. */
  readonly left_out: number;
}

/** How one attempt ended. `again`: another may go better. */
export type Sent =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly again: boolean };

/** One way of telling somebody. */
export interface Channel {
  /** One sentence on what is wrong with the settings of a caller; undefined where nothing is. */
  fault(settings: Settings): string | undefined;
  /** One attempt, with a time limit of its own. A rejection counts as a failure that may pass. */
  send(message: Message, settings: Settings): Promise<Sent>;
  /** Names of settings that are shown to nobody. */
  readonly secrets?: readonly string[];
}

export const ok: Sent = Object.freeze({ ok: true });

/** One sentence for people: what a mail's subject says. */
export function sentenceOf({ service, state, reason }: Message): string {
  return `${service} is ${state}${reason === '' ? '' : ` (${reason})`}`;
}

/** The first setting that a channel does not know, as a sentence. */
export function unknownSetting(settings: Settings, known: readonly string[]): string | undefined {
  const unknown = Object.keys(settings).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  const there = known.length === 0 ? 'it takes none' : `there are ${known.join(', ')}`;
  return `There is no setting ${JSON.stringify(unknown.slice(0, 80))}; ${there}.`;
}
