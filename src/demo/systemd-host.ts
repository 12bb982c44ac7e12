import { lstatSync } from 'node:fs';

/** Whether this host was booted with systemd: its runtime folder is there, sd_booted(3). */
export function systemdRuns(): boolean {
  return lstatSync('/run/systemd/system', { throwIfNoEntry: false })?.isDirectory() === true;
}
