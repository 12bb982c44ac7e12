/** What a repair never touches, whatever an alarm says. */

/** Ends or takes down with it the bus, the host, or every login: never by an alarm's name alone. */
export const protectedUnits =
  /^(systemd-.*|dbus|dbus-broker|dbus-org\..*|init|emergency|rescue|initrd-.*|user@.*|user-runtime-dir@.*|polkit|getty@.*|serial-getty@.*|console-getty|container-getty@.*|debug-shell)\.[a-z]+$/;
const protectedProcesses =
  /^(systemd([-:].*)?|init|\(sd-pam\)|dbus-daemon|dbus-broker.*|polkitd|sshd|login)$/;
/** Types that a repair may restart where the configuration names the unit; without it, services only. */
export const repairable = /\.(service|socket|timer|path|mount|automount|swap)$/;

/**
 * The units that this process is part of, from the text of /proc/self/cgroup: its own service, and
 * for a user's the one that holds that user's systemd.
 */
export function ownUnits(cgroups: string): ReadonlySet<string> {
  // `0::/system.slice/a.service`; on v1, the hierarchy of systemd is `1:name=systemd:/...`.
  const lines = cgroups.split('\n').filter((line) => /^(0:|\d+:name=systemd):/.test(line));
  return new Set(lines.flatMap((line) => line.split('/').filter((part) => /\.[a-z]+$/.test(part))));
}

/**
 * Why this unit is not restarted; undefined where it may be.
 * @param isNamed the configuration names the unit for this process; an alarm's own name is not enough
 */
export function whyNotUnit(
  unit: string,
  isNamed: boolean,
  own: ReadonlySet<string>,
): string | undefined {
  if (own.has(unit)) return `${unit} is what unitwatch itself runs in.`;
  if (!repairable.test(unit)) return `${unit} is of a type that is not restarted.`;
  if (isNamed) return undefined;
  if (!unit.endsWith('.service'))
    return `${unit} is no service: name it as unit to have it restarted.`;
  return protectedUnits.test(unit)
    ? `${unit} belongs to the system: name it as unit to have it restarted.`
    : undefined;
}

/** The same for a process that is looked for by its name alone. */
export function whyNotProcess(name: string): string | undefined {
  if (!isProcessName(name)) return 'That is no name of a program.';
  return protectedProcesses.test(name)
    ? `${name} belongs to the system: set match to have it restarted.`
    : undefined;
}

/** The longest name that a file may have, NAME_MAX of linux/limits.h. */
const nameBytesMax = 255;

function isProcessName(name: string): boolean {
  return (
    name !== '' && Buffer.byteLength(name) <= nameBytesMax && !/[/\p{Cc}\p{Cs}\ufffd]/u.test(name)
  );
}
