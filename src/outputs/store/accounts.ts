import {
  type LossReason,
  lossReasons,
  type StoredKind,
  type StoreNotice,
  type StoreView,
} from '../../model/store.ts';
import type { Clock, RealtimeUs } from '../../model/time.ts';
import { type LocalFigures, type Settled, StoreError } from './contract.ts';

/** Losses are told once in this time, with their number. */
const toldEveryUs = 60_000_000;

const lossWords: Readonly<Record<LossReason, string>> = {
  memory_full: 'the local database was too slow',
  disk_full: 'the disk is full',
  write_failed: 'the local database could not be written',
  size: 'the local database reached store.max_size',
  age: 'they were older than store.max_age',
  rejected: 'PostgreSQL refuses them; see unitwatch store status',
  damaged: 'the local database was damaged, removed or replaced',
  closed: 'the agent ended',
};

/** Keeps count of every row, and says what a person should know. */
export class Accounts {
  readonly accepted: Record<StoredKind, number> = { result: 0, event: 0 };
  readonly lost = zeros();
  exported = 0;
  lastExportUs: RealtimeUs | undefined;
  figures: LocalFigures;
  localUp = true;
  postgresUp: boolean | undefined;
  readonly #tell: (notice: StoreNotice) => void;
  readonly #clock: Clock;
  /** Losses that were told, and when last, on the monotonic clock. */
  readonly #told = zeros();
  #toldUs = Number.NEGATIVE_INFINITY;
  /** Without PostgreSQL it is the ordinary end of a row to grow old. */
  readonly #mayAge: boolean;
  #localTrouble = '';
  #postgresTrouble = '';
  #partitionsTrouble = '';

  constructor(options: {
    readonly figures: LocalFigures;
    readonly clock: Clock;
    readonly tell: (notice: StoreNotice) => void;
    readonly exports: boolean;
  }) {
    this.figures = options.figures;
    this.#clock = options.clock;
    this.#tell = options.tell;
    this.#mayAge = !options.exports;
    for (const path of options.figures.setAside) this.#tellDamage(path);
  }

  onFigures(figures: LocalFigures): void {
    for (const path of figures.setAside.slice(this.figures.setAside.length)) this.#tellDamage(path);
    this.#tellPlace(figures);
    this.figures = figures;
    this.lost.size = figures.lostSize;
    this.lost.age = figures.lostAge;
    this.lost.damaged = figures.lostDamaged;
    this.tellLosses();
  }

  onLost(reason: LossReason, count: number): void {
    this.lost[reason] += count;
    this.tellLosses();
  }

  onSettled({ exported, rejected, figures }: Settled): void {
    this.exported += exported;
    this.lost.rejected += rejected;
    this.lastExportUs = this.#clock.realtimeUs();
    this.onFigures(figures);
  }

  onLocalTried(error: StoreError | undefined): void {
    this.localUp = error === undefined;
    this.#localTrouble = this.#tellChange('The local database', this.#localTrouble, error);
  }

  onPostgresTried(error: StoreError | undefined): void {
    this.postgresUp = error === undefined;
    this.#postgresTrouble = this.#tellChange('PostgreSQL', this.#postgresTrouble, error);
  }

  onPartitionsTried(error: StoreError | undefined): void {
    const told =
      error &&
      new StoreError(
        error.kind,
        `The next partitions cannot be made; rows go to results_rest and events_rest meanwhile. ${error.message}`,
        error,
      );
    const what = 'PostgreSQL has the next partitions, and';
    this.#partitionsTrouble = this.#tellChange(what, this.#partitionsTrouble, told);
  }

  /** What the last minute's losses were, if any were not told. */
  tellLosses(): void {
    const now = this.#clock.monotonicUs();
    if (now - this.#toldUs < toldEveryUs) return;
    const fresh = lossReasons.filter((reason) => {
      if (this.#mayAge && (reason === 'age' || reason === 'size')) return false;
      return this.lost[reason] > this.#told[reason];
    });
    if (fresh.length === 0) return;
    const parts = fresh.map((reason) => {
      const count = this.lost[reason] - this.#told[reason];
      this.#told[reason] = this.lost[reason];
      return `${count} because ${lossWords[reason]}`;
    });
    this.#toldUs = now;
    const message = `Rows of the store are lost: ${parts.join('; ')}.`;
    this.#tell({ phase: 'lost', severity: 'error', message });
  }

  view(queued: () => number, written: () => number): StoreView {
    const accounts = this;
    return {
      accepted: this.accepted,
      lost: this.lost,
      get carried() {
        return accounts.figures.carried;
      },
      get queued() {
        return queued();
      },
      get written() {
        return written();
      },
      get waiting() {
        return accounts.figures.waiting;
      },
      get exported() {
        return accounts.exported;
      },
      get deleted() {
        return accounts.figures.deleted;
      },
      get usedBytes() {
        return accounts.figures.usedBytes;
      },
      get fileBytes() {
        return accounts.figures.fileBytes;
      },
      get oldestUs() {
        return accounts.figures.oldestUs;
      },
      get lastExportUs() {
        return accounts.lastExportUs;
      },
      get localUp() {
        return accounts.localUp;
      },
      get postgresUp() {
        return accounts.postgresUp;
      },
    };
  }

  /** Trouble is told when it begins or becomes another one, not at each try. */
  #tellChange(what: string, before: string, error: StoreError | undefined): string {
    const now = error?.message ?? '';
    if (now === before) return before;
    if (error) this.#tell({ phase: 'trouble', severity: 'warning', message: `Store: ${now}` });
    else this.#tell({ phase: 'back', severity: 'info', message: `${what} takes rows again.` });
    return now;
  }

  #tellPlace({ rewritten, displaced, vanished }: LocalFigures): void {
    const what = 'The local database of the store was removed';
    if (rewritten > this.figures.rewritten) {
      const message = `${what} while it was in use: it is written anew, with all that was in it.`;
      this.#tell({ phase: 'trouble', severity: 'warning', message });
    }
    if (displaced !== '' && this.figures.displaced === '') {
      const message = `${what} while it was in use, and cannot be written anew yet; what waits in it is lost if the agent ends before. ${displaced}`;
      this.#tell({ phase: 'trouble', severity: 'error', message });
    }
    if (vanished > this.figures.vanished) {
      const message = `${what} or replaced while it was in use: what waited in it is lost, and the one that is there now is used.`;
      this.#tell({ phase: 'trouble', severity: 'error', message });
    }
  }

  #tellDamage(path: string): void {
    const message = `The local database of the store was damaged: it lies at ${JSON.stringify(path)} now, and a new one is begun.`;
    this.#tell({ phase: 'trouble', severity: 'error', message });
  }
}

function zeros(): Record<LossReason, number> {
  return {
    ...{ memory_full: 0, disk_full: 0, write_failed: 0, size: 0 },
    ...{ age: 0, rejected: 0, damaged: 0, closed: 0 },
  };
}
