import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';

/** What the machine lacks to boot a throw-away systemd; the message is one sentence for people. */
export class CannotBoot extends Error {
  readonly code = 'CANNOT_BOOT';
}

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The package in brackets is Debian's. */
const hostPrograms: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  find: 'findutils',
};
const rootPrograms: Readonly<Record<string, string>> = {
  systemctl: 'systemd',
  unshare: 'util-linux',
  mount: 'mount',
  umount: 'mount',
};

function runs(root: string, name: string): boolean {
  return folders.some((folder) => {
    try {
      accessSync(join(root, folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Throws CannotBoot if something is missing: on the host, or in the tree that is to be booted. */
export function checkRequirements(root: string, uid: number | undefined): void {
  if (process.platform !== 'linux')
    throw new CannotBoot('A throw-away systemd needs Linux; this is not.');
  if (uid !== 0)
    throw new CannotBoot(
      'A throw-away systemd needs root, for its namespaces and mounts: run it as root (sudo).',
    );
  const missing = [
    ...missingPrograms('/', hostPrograms),
    ...missingPrograms(root, rootPrograms),
    ...(hasBus(root) ? [] : ['dbus-daemon (package dbus)']),
  ];
  if (missing.length === 0) return;
  const where = root === '/' ? 'on this machine' : `in ${root} or on this machine`;
  throw new CannotBoot(
    `A throw-away systemd needs programs that are not ${where}: ` +
      `${[...new Set(missing)].join(', ')}; install them and try again.`,
  );
}

function missingPrograms(root: string, programs: Readonly<Record<string, string>>): string[] {
  return Object.entries(programs)
    .filter(([name]) => !runs(root, name))
    .map(([name, packageName]) => `${name} (package ${packageName})`);
}

function hasBus(root: string): boolean {
  const units = ['usr/lib/systemd/system/dbus.socket', 'lib/systemd/system/dbus.socket'];
  return (
    units.some((unit) => existsSync(join(root, unit))) &&
    (runs(root, 'dbus-daemon') || runs(root, 'dbus-broker-launch'))
  );
}
