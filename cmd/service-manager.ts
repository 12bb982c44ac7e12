import { execFile } from 'node:child_process';

/** A message that takes longer has not been delivered; the next one will tell. */
const deadlineMs = 5_000;
/** Of the time that the watchdog allows, how much passes between two signs of life. */
const watchdogShare = 3;

/** Messages in line behind one that hangs; what else comes is left out, a sign of life mostly. */
const mostWaiting = 8;

/**
 * The service manager that started us, as sd_notify(3) speaks to it. Node cannot send datagrams to a
 * Unix socket, so systemd-notify(1) does; the unit needs `NotifyAccess=all` for it.
 */
export interface ServiceManager {
  /** `READY=1`, `STOPPING=1`, `STATUS=...`; does nothing where nobody listens. */
  tell(...states: readonly string[]): void;
  /** Signs of life from now on: they stop when the event loop does. */
  feedWatchdog(): void;
  stop(): void;
}

export function serviceManager(
  env: Readonly<Record<string, string | undefined>>,
  onError: (message: string) => void,
): ServiceManager {
  let timer: NodeJS.Timeout | undefined;
  let last = Promise.resolve();
  let waiting = 0;
  const tell = (...states: readonly string[]): void => {
    if (!env['NOTIFY_SOCKET'] || waiting >= mostWaiting) return;
    waiting++;
    // One after the other: a READY that overtakes its RELOADING would leave us reloading for ever.
    last = last.then(async () => {
      await notify(states, onError);
      waiting--;
    });
  };
  return {
    tell,
    feedWatchdog: () => {
      const watchdogUs = Number(env['WATCHDOG_USEC']);
      const isOurs = !env['WATCHDOG_PID'] || env['WATCHDOG_PID'] === String(process.pid);
      if (!(watchdogUs > 0) || !isOurs) return;
      timer = setInterval(() => tell('WATCHDOG=1'), watchdogUs / 1_000 / watchdogShare);
    },
    stop: () => clearInterval(timer),
  };
}

function notify(states: readonly string[], onError: (message: string) => void): Promise<void> {
  return new Promise((resolve) => {
    execFile('systemd-notify', [...states], { timeout: deadlineMs }, (error) => {
      if (error) onError(error.message);
      resolve();
    });
  });
}
