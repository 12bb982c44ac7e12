import type { ProbeFault, ProbePhase } from '../../model/probe.ts';
import type { Clock, DurationUs } from '../../model/time.ts';

/** Why a probe ends: what the other side, the name servers or this machine did. */
export class ProbeFailure extends Error {
  readonly fault: ProbeFault;

  /** @param reason what people read, without a name or an address */
  constructor(fault: ProbeFault, reason: string = fault) {
    super(reason);
    this.fault = fault;
  }
}

/** How each phase is called in a reason. */
const words: Readonly<Record<ProbePhase, string>> = {
  resolve: 'DNS',
  connect: 'connect',
  tls: 'TLS',
  first_byte: 'first byte',
  transfer: 'transfer',
};

/** One probe under way: its phases, its time limit, and what must be let go of at its end. */
export class Course {
  /** IP addresses that a connection was tried to. */
  attempts = 0;
  /** The one that was connected to, or else the last that was tried. */
  address: string | undefined;
  readonly #clock: Pick<Clock, 'monotonicUs'>;
  readonly #fromUs: DurationUs;
  readonly #timer: NodeJS.Timeout;
  readonly #seconds: Partial<Record<ProbePhase, number>> = {};
  #phase: ProbePhase = 'resolve';
  #phaseFromUs: DurationUs | undefined;
  #failure: ProbeFailure | undefined;
  /** What waits now; a course waits for one thing at a time. */
  #reject: ((failure: ProbeFailure) => void) | undefined;
  readonly #endings = new Set<() => void>();

  constructor(clock: Pick<Clock, 'monotonicUs'>, timeoutMs: number) {
    this.#clock = clock;
    this.#fromUs = clock.monotonicUs();
    this.#timer = setTimeout(() => this.end(this.failure('timeout')), timeoutMs);
  }

  get phase(): ProbePhase {
    return this.#phase;
  }

  get phaseSeconds(): Readonly<Partial<Record<ProbePhase, number>>> {
    return this.#seconds;
  }

  get seconds(): number {
    return (this.#clock.monotonicUs() - this.#fromUs) / 1e6;
  }

  /** A failure that says in which phase it happened. */
  failure(fault: ProbeFault, word: string = fault): ProbeFailure {
    return new ProbeFailure(fault, `${word} (${words[this.#phase]})`);
  }

  /** The phase before is over. */
  enter(phase: ProbePhase): void {
    this.leave();
    this.#phase = phase;
    this.#phaseFromUs = this.#clock.monotonicUs();
  }

  leave(): void {
    if (this.#phaseFromUs === undefined) return;
    const seconds = (this.#clock.monotonicUs() - this.#phaseFromUs) / 1e6;
    this.#seconds[this.#phase] = (this.#seconds[this.#phase] ?? 0) + seconds;
    this.#phaseFromUs = undefined;
  }

  /** The promise's own end, or a rejection when the course ends before. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#failure) reject(this.#failure);
      else this.#reject = reject;
      promise.then(resolve, reject);
    });
  }

  /** Called once if the course ends before it is done; the returned function takes that back. */
  onEnd(ending: () => void): () => void {
    if (this.#failure) ending();
    else this.#endings.add(ending);
    return () => this.#endings.delete(ending);
  }

  /** Ends the probe from outside; what comes later is too late. */
  end(failure: ProbeFailure): void {
    if (this.#failure) return;
    this.#failure = failure;
    for (const ending of this.#endings) ending();
    this.#reject?.(failure);
    this.close();
  }

  /** The probe is done. */
  close(): void {
    clearTimeout(this.#timer);
    this.#endings.clear();
    this.leave();
  }
}
