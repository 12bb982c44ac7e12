import type { Writable } from 'node:stream';

/** Texts made side by side: four that stand still do not keep a fifth reader waiting for long. */
const BATCHES_AT_ONCE = 4;
/** From the first piece to the last one read; Prometheus itself gives up after 10 s by default. */
const BATCH_DEADLINE_MS = 10_000;
/**
 * For one piece: a reader that stands still holds up those that share its text. Not less, because
 * the kernel asks for more only when a third of its buffer, up to 4 MB, has gone over the wire.
 */
const PIECE_DEADLINE_MS = 3_000;

export interface Broadcast {
  /**
   * Writes one text into `reader` and ends it. Readers that come while four texts are under way
   * wait, and then share one. A reader that does not read on, or not in time, is destroyed.
   */
  add(reader: Writable): void;
}

/**
 * No text is held: a piece is made when all readers of its batch have taken the one before.
 * @param make the text's pieces
 * @param failed told what `make` threw; its readers are destroyed
 */
export function createBroadcast(
  make: () => AsyncIterable<string>,
  failed: (error: unknown) => void,
): Broadcast {
  let running = 0;
  let waiting: Writable[] = [];

  function add(reader: Writable): void {
    waiting.push(reader);
    if (running < BATCHES_AT_ONCE) start();
  }

  function start(): void {
    const readers = waiting.filter((reader) => !reader.destroyed);
    waiting = [];
    if (readers.length === 0) return;
    running += 1;
    send(make, readers).then(ended, (error: unknown) => {
      for (const reader of readers) reader.destroy();
      failed(error);
      ended();
    });
  }

  function ended(): void {
    running -= 1;
    if (waiting.length > 0) start();
  }

  return { add };
}

async function send(
  make: () => AsyncIterable<string>,
  readers: readonly Writable[],
): Promise<void> {
  const deadline = setTimeout(() => {
    for (const reader of readers) reader.destroy();
  }, BATCH_DEADLINE_MS);
  try {
    for await (const piece of make()) {
      const alive = readers.filter((reader) => !reader.destroyed);
      if (alive.length === 0) return;
      await Promise.all(alive.map((reader) => write(reader, piece)));
    }
    await Promise.all(readers.map(end));
  } finally {
    clearTimeout(deadline);
  }
}

/** Resolves when the reader can take more, or is gone. */
function write(reader: Writable, piece: string): Promise<void> | undefined {
  if (reader.write(piece) || reader.destroyed) return undefined;
  const deadline = setTimeout(() => reader.destroy(), PIECE_DEADLINE_MS);
  return settled(reader, 'drain').finally(() => clearTimeout(deadline));
}

/** Resolves when all has been handed to the kernel, or the reader is gone. */
function end(reader: Writable): Promise<void> | undefined {
  if (reader.destroyed) return undefined;
  const done = settled(reader, 'finish');
  reader.end();
  return done;
}

function settled(reader: Writable, event: 'drain' | 'finish'): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      reader.off(event, done);
      reader.off('close', done);
      resolve();
    };
    reader.on(event, done);
    reader.on('close', done);
  });
}
