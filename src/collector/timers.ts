import { limits } from '../model/limits.ts';
import type { TimerElapse } from '../model/resource.ts';
import type { RealtimeUs } from '../model/time.ts';
import { unitNameOfPath, unitPath } from '../model/unit-name.ts';
import type { SignalConnection } from './signals.ts';
import type { Manager } from './systemd.ts';
import { readTimer, type TimerFacts } from './timer-properties.ts';

/** Timers known; a host has 10 to 60. Those beyond are not told of. */
const timersMax = 256;
/** Properties that are asked for at once: a part of what the connection lets pass. */
const askedAtOnce = limits.callsInFlight / 4;

interface Known {
  readonly unit: string;
  lastUs: RealtimeUs;
}

export interface TimersOptions {
  readonly connection: Pick<SignalConnection<never>, 'getAll'>;
  readonly manager: Pick<Manager, 'listUnits'>;
  readonly onElapsed: (elapse: TimerElapse) => void;
}

/**
 * When timers fire, whether or not anybody follows timer units. A timer says so in the signal that
 * it runs (`LastTriggerUSec`), which stands before all that comes of it. What it starts is read once,
 * with a list; so are firings that no signal told, after a loss of the bus.
 */
export class Timers {
  private readonly options: TimersOptions;
  private readonly known: Map<string, Known> = new Map();

  constructor(options: TimersOptions) {
    this.options = options;
  }

  /** A signal about a timer. @param label the last part of its object path */
  changed(label: string, { lastTriggerUs }: TimerFacts): void {
    const name = unitNameOfPath(unitPathOf(label));
    const timer = name === undefined ? undefined : this.known.get(name);
    if (name === undefined || lastTriggerUs === 0) return;
    if (timer !== undefined) this.fired(name, timer, lastTriggerUs);
    else if (this.known.size < timersMax) void this.ask(name);
  }

  /**
   * Reads which timers there are, and asks those that are not known what they start; `anew`, all of
   * them.
   */
  async read(anew: boolean): Promise<void> {
    if (anew) this.known.clear();
    const rows = await this.options.manager.listUnits(['*.timer']);
    const names = new Set(rows.slice(0, timersMax).map(({ name }) => name));
    for (const name of this.known.keys()) if (!names.has(name)) this.known.delete(name);
    let asked = 0;
    for (const name of names) {
      if (this.known.has(name) || name.length > limits.unitNameBytes) continue;
      const answered = this.ask(name);
      asked += 1;
      if (asked % askedAtOnce === 0) await answered;
    }
  }

  private ask(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.options.connection.getAll(unitPath(name), (reply) => {
        const facts = reply.kind === 'properties' ? reply.read(readTimer) : undefined;
        if (facts !== undefined && facts.unit.length <= limits.unitNameBytes) this.met(name, facts);
        resolve();
      });
    });
  }

  private met(name: string, { unit, lastTriggerUs }: TimerFacts): void {
    const timer = this.known.get(name) ?? { unit, lastUs: 0 };
    this.known.set(name, timer);
    this.fired(name, timer, lastTriggerUs);
  }

  private fired(name: string, timer: Known, timeUs: RealtimeUs): void {
    if (timeUs <= timer.lastUs) return;
    timer.lastUs = timeUs;
    this.options.onElapsed({ timer: name, unit: timer.unit, timeUs });
  }
}

function unitPathOf(label: string): string {
  return `/org/freedesktop/systemd1/unit/${label}`;
}
