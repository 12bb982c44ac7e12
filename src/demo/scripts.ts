/**
 * The shell scripts around a throw-away systemd. They are text in a module, not files, so that the
 * built package needs nothing copied; `sh -c` runs them, and no path reaches them except in the
 * environment.
 */

/**
 * Units that would reach through to the host's kernel, devices or clock, or that only wait for what
 * a throw-away machine does not have. All are masked.
 */
const maskedUnits = [
  // They load modules, set kernel parameters, register binary formats: one kernel for all.
  'systemd-sysctl.service',
  'systemd-modules-load.service',
  'kmod-static-nodes.service',
  'modprobe@.service',
  'systemd-binfmt.service',
  'proc-sys-fs-binfmt_misc.automount',
  'proc-sys-fs-binfmt_misc.mount',
  // They would answer the events of the host's devices and write their nodes.
  'systemd-udevd.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
  'systemd-udev-trigger.service',
  'systemd-hwdb-update.service',
  'systemd-tmpfiles-setup-dev.service',
  'systemd-tmpfiles-setup-dev-early.service',
  // They write the host's entropy, login records and root mount.
  'systemd-random-seed.service',
  'systemd-update-utmp.service',
  'systemd-remount-fs.service',
  // There is nothing to clean in a machine that lives for a minute.
  'systemd-tmpfiles-clean.timer',
  'systemd-tmpfiles-clean.service',
  // It asks questions on a console that is not there.
  'systemd-firstboot.service',
  // File systems of the kernel as a whole.
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'sys-kernel-config.mount',
  'sys-fs-fuse-connections.mount',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
] as const;

/** Masked where no journal is wanted: services then write to nowhere. */
const journalUnits = [
  'systemd-journald.service',
  'systemd-journald.socket',
  'systemd-journald-dev-log.socket',
  'systemd-journald-audit.socket',
  'systemd-journal-flush.service',
] as const;

/**
 * Runs outside, in a session of its own, and lives as long as the bed. It starts the namespaces,
 * then waits for the end of its standard input, which the kernel closes however its parent ends
 * (an orderly stop, a signal, SIGKILL): so that one path cleans up after every kind of ending. The
 * first line of the input names systemd's process, which is killed first because its parent
 * `unshare` returns only when every process of the PID namespace is gone.
 *
 * If the guard itself is killed, `--pdeathsig` and `--kill-child` end the processes, and the empty
 * cgroups wait for the next boot to be swept.
 *
 * In the environment: CGROUPS, its cgroups, one a line; INSIDE and INIT, the scripts below.
 * Descriptor 3 is the standard input of INSIDE.
 */
export const guardScript = `
exec 4<&0 </dev/null
setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child \\
  --ipc --uts --net /bin/sh -euc "$INSIDE" <&3 3<&- 4<&- &
child=$!
exec 3<&-
{
  init=$child
  read -r init <&4 && while read -r _ <&4; do :; done
  kill -KILL "\${init:-$child}"
} >/dev/null 2>&1 &
watcher=$!
wait "$child"
status=$?
kill -KILL "$watcher" 2>/dev/null
printf '%s\\n' "$CGROUPS" | while read -r cgroup; do
  tries=0
  while [ -d "$cgroup" ] && [ "$tries" -lt 100 ]; do
    find "$cgroup" -depth -type d -delete 2>/dev/null || sleep 0.02
    tries=$((tries + 1))
  done
done
exit "$status"
`;

/**
 * Runs as the first process of the new namespaces and builds the root that systemd will see.
 *
 * - `/sys` is where the pieces are put together: every host has it, no user keeps files there, and
 *   in this mount namespace the host's own is not needed any more.
 * - The root is an overlay, LOWER below and memory above: without it, systemd-tmpfiles would empty
 *   the host's real /tmp. LOWER is entered first so that no character of its path has a meaning in
 *   the mount options.
 * - `/proc` is this PID namespace's. `/proc/sys` is read-only, since systemd raises fs.file-max and
 *   fs.nr_open of the whole kernel at start; `/sys` likewise. Before that, the queue of datagram
 *   sockets, which each network namespace has its own limit for, is made long: with the kernel's 10,
 *   systemd drops lines of its log when journald is not scheduled for 10 ms.
 * - `/run`, `/tmp`, `/var/log` are memory: sockets, the journal and temporary files stay in here.
 * - `/dev` is a small one of its own: in a bound /dev, journald would replace the host's /dev/log,
 *   and there would be a kernel log to read and a console to write to.
 * - BINDS, one path a line, are shown read-only: what lies on another file system than the root or
 *   below /tmp, like a program to be run inside. The rule that empties /tmp at boot goes as well.
 * - Every unit that the host has enabled goes, so do its mounts (fstab), its system.conf, and its
 *   machine ID (a missing one would make systemd enable every preset of the distribution).
 * - dbus.socket and dbus.service are started with basic.target; where the service is an alias
 *   (dbus-broker), the alias was among what went, and is made again.
 */
const insideScript = `
read -r pid rest </proc/self/stat
printf '%s\\n' "$CGROUPS" | while read -r cgroup; do echo "$$" >"$cgroup/cgroup.procs"; done
cd "$LOWER"
mount -t tmpfs -o mode=755 unitwatch /sys
mkdir /sys/upper /sys/work /sys/root
mount -t overlay -o lowerdir=.,upperdir=/sys/upper,workdir=/sys/work overlay /sys/root
cd /sys/root
mkdir -p proc sys run tmp var/log dev .old
mount -t proc proc proc
echo 65536 >proc/sys/net/unix/max_dgram_qlen
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 log var/log
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
for node in null zero full random urandom tty; do
  : >"dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
printf '%s\\n' "$BINDS" | while read -r path; do
  [ -n "$path" ] || continue
  if [ -d "$path" ]; then mkdir -p ".$path"; else mkdir -p ".\${path%/*}"; : >>".$path"; fi
  mount --bind "$path" ".$path"
  mount -o remount,bind,ro ".$path"
done

rm -rf etc/systemd/system etc/systemd/system.conf.d etc/systemd/journald.conf.d etc/crypttab
mkdir -p etc/systemd/system/basic.target.wants etc/systemd/journald.conf.d etc/tmpfiles.d
ln -sf /dev/null etc/tmpfiles.d/tmp.conf
: >etc/fstab
printf '%s\\n' "$MACHINE_ID" >etc/machine-id
printf '%s\\n' "$SYSTEM_CONF" >etc/systemd/system.conf
printf '%s\\n' "$JOURNALD_CONF" >etc/systemd/journald.conf.d/unitwatch.conf
for unit in $MASKED; do ln -s /dev/null "etc/systemd/system/$unit"; done
for bus in dbus dbus-broker dbus-daemon; do
  [ -e "usr/lib/systemd/system/$bus.service" ] || [ -e "lib/systemd/system/$bus.service" ] || continue
  [ "$bus" = dbus ] || ln -s "/usr/lib/systemd/system/$bus.service" etc/systemd/system/dbus.service
  break
done
for unit in dbus.socket dbus.service; do
  ln -s "../$unit" "etc/systemd/system/basic.target.wants/$unit"
done
export pid
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
exec unshare --cgroup /bin/sh -euc "$INIT"
`;

/**
 * Runs in the new root and cgroup namespace, still as the first process, and becomes systemd.
 *
 * The layout below /sys/fs/cgroup tells systemd what it has: cgroup2 alone; or, where the memory
 * controller is on v1 (LEGACY is set), the hybrid one: a tmpfs with `unified` and `memory`; the other
 * v1 hierarchies systemd mounts by itself.
 * Before that it says its PID, as seen outside, and waits for a line: units are written meanwhile.
 */
const initScript = `
if [ -z "$LEGACY" ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/memory /sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
  mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory
fi
echo "$pid"
read -r go
init=/usr/lib/systemd/systemd
[ -x "$init" ] || init=/lib/systemd/systemd
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=unitwatch \\
  "$init" --system --unit=basic.target --log-level="$LOG_LEVEL" --log-target="$LOG_TARGET" \\
  </dev/null >/run/unitwatch-boot.log 2>&1
`;

interface ScriptSettings {
  readonly root: string;
  readonly binds: readonly string[];
  readonly journal: boolean;
  readonly logLevel: string;
  readonly machineId: string;
  readonly cgroups: readonly string[];
  /** systemd is to use the v1 hierarchies too. */
  readonly legacy: boolean;
}

/** The environment that the three scripts read. */
export function scriptEnvironment(settings: ScriptSettings): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C',
    INSIDE: insideScript,
    INIT: initScript,
    LOWER: settings.root,
    BINDS: settings.binds.join('\n'),
    CGROUPS: settings.cgroups.join('\n'),
    LEGACY: settings.legacy ? 'yes' : '',
    MACHINE_ID: settings.machineId,
    MASKED: [...maskedUnits, ...(settings.journal ? [] : journalUnits)].join(' '),
    SYSTEM_CONF: settings.journal
      ? '[Manager]'
      : '[Manager]\nDefaultStandardOutput=null\nDefaultStandardError=null',
    JOURNALD_CONF: journaldConf,
    LOG_LEVEL: settings.logLevel,
    LOG_TARGET: settings.journal ? 'journal' : 'null',
  };
}

/**
 * Nothing is left out (no rate limit, room for some million records in memory), and nothing of the
 * host's comes in (no kernel log).
 */
const journaldConf = [
  '[Journal]',
  'Storage=volatile',
  'RateLimitIntervalSec=0',
  'RateLimitBurst=0',
  'RuntimeMaxUse=1G',
  'RuntimeKeepFree=16M',
  'ReadKMsg=no',
  'Audit=no',
  'ForwardToSyslog=no',
  'ForwardToWall=no',
].join('\n');
