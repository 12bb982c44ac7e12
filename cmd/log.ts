import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino } from 'pino';

/** Log lines that wait for a standard error that nobody reads; beyond it they are dropped. */
const waitingBytes = 1_048_576;

/** Logs go to standard error, never to standard output: JSON, or pretty on a terminal. */
export async function openLog(level: string): Promise<Logger> {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, await destination());
}

async function destination(): Promise<DestinationStream> {
  if (isatty(2)) {
    const { default: pretty } = await import('pino-pretty');
    return pretty({
      destination: 2,
      sync: true,
      singleLine: true,
      translateTime: 'SYS:HH:MM:ss.l',
    });
  }
  const stream = pino.destination({ fd: 2, sync: false, maxLength: waitingBytes });
  let broken = false;
  // Standard error that is closed or full takes no log. What waits for it would be tried again for
  // ever when the process ends, so it is let go of.
  stream.on('error', () => {
    broken = true;
    stream.destroy();
  });
  return {
    write: (line) => {
      if (!broken) stream.write(line);
    },
  };
}
