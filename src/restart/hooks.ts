import type { Commands } from './command.ts';
import type { Command, Done } from './contract.ts';
import { post, type Webhook } from './hooks-webhook.ts';

/** What is told to a hook. */
export const hookOccasions = ['repair_failed', 'circuit_opened'] as const;
export type HookOccasion = (typeof hookOccasions)[number];

/** A hook of the configuration: a command that gets the event's JSON on its standard input, or a webhook. */
export type Hook = {
  /** What it is called in sentences and events. */
  readonly name: string;
  readonly on: readonly HookOccasion[];
} & ({ readonly command: Command; readonly timeoutMs: number } | { readonly webhook: Webhook });

export interface HookOptions {
  readonly commands: Commands;
  readonly sleep: (ms: number) => Promise<void>;
  /** From 0 to 1: spreads the attempts of many agents. */
  readonly random: () => number;
  /** How a call of a hook ended. */
  readonly told: (hook: string, occasion: HookOccasion, done: Done) => void;
}

/** Events that wait for one hook; a storm of failures is told by its first and its last ones. */
const queueMax = 64;
/** Attempts at a webhook, and the waits between them: the first, then twice as long. */
const attemptsMax = 4;
const firstWaitMs = 1_000;
/** Grace of a hook's command after its time limit. */
const graceMs = 1_000;

interface Call {
  readonly occasion: HookOccasion;
  readonly json: string;
}

/** Tells events to hooks: one at a time for each, in order, so that none holds up another. */
export class Hooks {
  private readonly lines: readonly Line[];

  constructor(hooks: readonly Hook[], options: HookOptions) {
    this.lines = hooks.map((hook) => new Line(hook, options));
  }

  /** @param json the event as one line, at most `limits.eventBytes` */
  fire(occasion: HookOccasion, json: string): void {
    for (const line of this.lines) line.push({ occasion, json });
  }

  /** Begins nothing any more; what waits is told as dropped. */
  close(): void {
    for (const line of this.lines) line.close();
  }
}

class Line {
  private readonly hook: Hook;
  private readonly options: HookOptions;
  private readonly waiting: Call[] = [];
  private working = false;
  private closed = false;

  constructor(hook: Hook, options: HookOptions) {
    this.hook = hook;
    this.options = options;
  }

  push(call: Call): void {
    if (!this.hook.on.includes(call.occasion)) return;
    if (this.closed || this.waiting.length >= queueMax) {
      const why = this.closed ? 'unitwatch is ending' : `${queueMax} events wait for it already`;
      this.tell(call, { outcome: 'skipped', reason: `${this.hook.name} was not called: ${why}.` });
      return;
    }
    this.waiting.push(call);
    void this.work();
  }

  close(): void {
    this.closed = true;
    for (const call of this.waiting.splice(0))
      this.tell(call, {
        outcome: 'skipped',
        reason: `${this.hook.name} was not called: unitwatch is ending.`,
      });
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    for (let call = this.waiting.shift(); call; call = this.waiting.shift())
      this.tell(call, await this.carryOut(call));
    this.working = false;
  }

  private async carryOut({ json }: Call): Promise<Done> {
    const { hook, options } = this;
    if ('webhook' in hook) return this.post(hook.webhook, json);
    const { name, command, timeoutMs: limitMs } = hook;
    const order = { name, command, limitMs, graceMs, input: `${json.trimEnd()}\n`, acts: false };
    const { outcome, reason } = await options.commands.run(order);
    return { outcome, reason };
  }

  private async post(webhook: Webhook, json: string): Promise<Done> {
    const { random, sleep } = this.options;
    for (let attempt = 1, waitMs = firstWaitMs; ; attempt++, waitMs *= 2) {
      const { again, outcome, reason } = await post(webhook, json);
      if (!again || attempt >= attemptsMax || this.closed)
        return {
          outcome,
          reason: attempt > 1 && reason ? `${reason} (${attempt} attempts)` : reason,
        };
      await sleep(waitMs * (0.5 + random()));
    }
  }

  private tell({ occasion }: Call, done: Done): void {
    this.options.told(this.hook.name, occasion, done);
  }
}
