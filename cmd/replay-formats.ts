import { Readable } from 'node:stream';
import { unitFilter } from '../src/collector/filter.ts';
import { looksLikeDbus, Recording } from '../src/collector/recording.ts';
import type { Event } from '../src/model/event.ts';
import type { PatternSettings } from '../src/patterns/settings.ts';
import type { CommandIo } from './io.ts';
import { replayEvents } from './replay-recording.ts';

export interface ReplayContext {
  /** What the recording is called, as it was asked for. */
  readonly file: string;
  /** The host that it was recorded on, where the recording does not say. */
  readonly host: string;
  readonly io: CommandIo;
  /** For the detectors. */
  readonly settings: PatternSettings;
  /** `anomaly_detection`. */
  readonly seeksAnomalies: boolean;
  /** Writes one event to standard output. */
  readonly event: (event: Event) => void;
  /** Resolves when what was written has room; to be awaited once a chunk. */
  readonly room: () => Promise<void>;
}

/** One sort of recording that `unitwatch replay` understands. Adding one is a row below. */
export interface ReplayFormat {
  readonly name: string;
  /** The settings of the detectors count for it. */
  readonly takesConfig: boolean;
  /** By the first bytes of the file, unpacked: 256, or all where there are fewer. */
  recognises(start: Buffer): boolean;
  /**
   * @param chunks all bytes of the file, unpacked, in pieces of 64 KiB
   * @returns the exit status
   * @throws DamagedRecording where it cannot be read to its end
   */
  replay(chunks: AsyncIterable<Buffer>, context: ReplayContext): Promise<number>;
}

/** A recording that breaks off or is not what its beginning promised. */
export class DamagedRecording extends Error {
  override readonly name = 'DamagedRecording';
}

const everyService = unitFilter({
  monitorAll: true,
  whitelist: [],
  blacklist: [],
  containersOnly: false,
  unitTypes: ['service'],
});

export const formats: readonly ReplayFormat[] = [
  {
    name: 'events as NDJSON: lines with time, service and event_type',
    takesConfig: true,
    // A byte order mark counts as white space.
    recognises: (start) => /^\s*\{/.test(start.toString('utf8')),
    replay: (chunks, { file, host, io, settings, seeksAnomalies }) => {
      const source = Readable.from(chunks, { objectMode: false });
      const streams = { in: source, out: io.stdout, err: io.stderr };
      return replayEvents('-', { settings, host, name: file, seeksAnomalies }, streams);
    },
  },
  {
    name: 'D-Bus messages (dbus-monitor --binary)',
    takesConfig: false,
    recognises: looksLikeDbus,
    replay: replayDbus,
  },
];

async function replayDbus(chunks: AsyncIterable<Buffer>, context: ReplayContext): Promise<number> {
  const { host, event } = context;
  const recording = new Recording({ host, filter: everyService, event });
  let read = 0;
  for await (const chunk of chunks) {
    if (!recording.push(chunk))
      throw new DamagedRecording(`it is no D-Bus any more after about ${read} bytes`);
    read += chunk.length;
    await context.room();
  }
  recording.end();
  if (recording.incompleteBytes > 0)
    throw new DamagedRecording(
      `it ends in the middle of a message (the last ${recording.incompleteBytes} of ${read} bytes)`,
    );
  return 0;
}
