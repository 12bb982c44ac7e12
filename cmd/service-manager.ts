import { execFile } from 'node:child_process';

/** A message that takes longer has not been delivered; the next one will tell. */
const deadlineMs = 5_000;
/** Of the time that the watchdog allows, how much passes between two signs of life. */
const watchdogShare = 3;
/** Of that, how much the agent has to answer itself. */
const questionShare = 0.8;
const notAlive =
  "the agent's own web server did not answer; systemd will restart it (WatchdogSec=)";

/** Messages in line behind one that hangs; what else comes is left out, a sign of life mostly. */
const mostWaiting = 8;

/**
 * The service manager that started us, as sd_notify(3) speaks to it. Node cannot send datagrams to a
 * Unix socket, so systemd-notify(1) does; the unit needs `NotifyAccess=all` for it.
 */
export interface ServiceManager {
  /** `READY=1`, `STOPPING=1`, `STATUS=...`; does nothing where nobody listens. */
  tell(...states: readonly string[]): void;
  /**
   * Signs of life from now on: they stop when the event loop does, and when `isAlive`, which has
   * `limitMs` to find out, says no or nothing.
   */
  feedWatchdog(isAlive: (limitMs: number) => Promise<boolean>): void;
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
    feedWatchdog: (isAlive) => {
      const watchdogUs = Number(env['WATCHDOG_USEC']);
      const isOurs = !env['WATCHDOG_PID'] || env['WATCHDOG_PID'] === String(process.pid);
      if (!(watchdogUs > 0) || !isOurs) return;
      const everyMs = watchdogUs / 1_000 / watchdogShare;
      // One question is over before the next one is asked.
      const limitMs = everyMs * questionShare;
      timer = setInterval(() => {
        void isAlive(limitMs).then((alive) => {
          if (alive) tell('WATCHDOG=1');
          else onError(`no sign of life: ${notAlive}`);
        });
      }, everyMs);
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
