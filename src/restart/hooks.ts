import type { Command } from '../model/command.ts';
import type { Commands } from './command.ts';
import type { Done } from './contract.ts';
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
}

/** Events that wait for one hook; a storm of failures is told by its first and its last ones. */
const queueMax = 64;
/** Attempts at a webhook, and the waits between them: the first, then twice as long. */
const attemptsMax = 4;
const firstWaitMs = 1_000;
/** Grace of a hook's command after its time limit. */
const graceMs = 1_000;

interface Call {
  readonly json: string;
  readonly told: (done: Done) => void;
}

/** Tells events to hooks: one at a time for each, in order, so that none holds up another. */
export class Hooks {
  private readonly lines: readonly Line[];

  constructor(hooks: readonly Hook[], options: HookOptions) {
    this.lines = hooks.map((hook) => new Line(hook, options));
  }

  /**
   * Resolves when every hook of the occasion was called, or why one was not; never rejects.
   * @param json what is told, as one line, at most `limits.eventBytes`
   */
  async fire(occasion: HookOccasion, json: string): Promise<Done> {
    const lines = this.lines.filter((line) => line.isOn(occasion));
    if (lines.length === 0) return { outcome: 'skipped', reason: '' };
    const ends = await Promise.all(lines.map((line) => line.push(json)));
    return ends.find(({ outcome }) => outcome !== 'ok') ?? { outcome: 'ok', reason: '' };
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

  isOn(occasion: HookOccasion): boolean {
    return this.hook.on.includes(occasion);
  }

  push(json: string): Promise<Done> {
    if (this.closed || this.waiting.length >= queueMax) {
      const why = this.closed ? 'unitwatch is ending' : `${queueMax} events wait for it already`;
      const reason = `${this.hook.name} was not called: ${why}.`;
      return Promise.resolve({ outcome: 'skipped', reason });
    }
    return new Promise((told) => {
      this.waiting.push({ json, told });
      void this.work();
    });
  }

  close(): void {
    this.closed = true;
    const reason = `${this.hook.name} was not called: unitwatch is ending.`;
    for (const { told } of this.waiting.splice(0)) told({ outcome: 'skipped', reason });
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    for (let call = this.waiting.shift(); call; call = this.waiting.shift())
      call.told(await this.carryOut(call));
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
}
