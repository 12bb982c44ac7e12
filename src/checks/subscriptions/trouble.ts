import { SqliteError } from '../sqlite.ts';

/** Something that a person should know of the monitor's file. */
export interface TroubleNews {
  /** `trouble`: it began; `back`: it is over; `lost`: messages could not be held any longer. */
  readonly phase: 'trouble' | 'back' | 'lost';
  /** One sentence. */
  readonly reason: string;
}

/** Whether the file can be written. A disk that stays full is told of once, not with every message. */
export class Trouble {
  readonly #tell: (news: TroubleNews) => void;
  #isOn = false;
  /** Messages lost when it was last written. */
  #lost = 0;
  #isLossTold = false;

  constructor(tell: (news: TroubleNews) => void) {
    this.#tell = tell;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** It could not be written. @throws what is no fault of the file's: ours */
  failed(error: unknown): void {
    if (!(error instanceof SqliteError)) throw error;
    if (this.#isOn) return;
    this.#isOn = true;
    this.#tell({ phase: 'trouble', reason: error.message });
  }

  /** It was written. @param lost messages that are lost by now, since the start */
  written(lost: number): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#isLossTold = false;
    const since = lost - this.#lost;
    this.#lost = lost;
    const words = since === 0 ? 'nothing is lost' : `${since} messages are lost`;
    this.#tell({ phase: 'back', reason: `What waited is in the file now, and ${words}.` });
  }

  /** How many messages are lost by now; told once for each trouble. */
  lost(lost: number): void {
    if (lost === this.#lost || this.#isLossTold) return;
    this.#isLossTold = true;
    this.#tell({
      phase: 'lost',
      reason: 'Too many messages wait for the file: the oldest are lost.',
    });
  }
}
