import assert from 'node:assert/strict';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { bootSystemd } from '../src/demo/boot.ts';
import { cache, debianBinary, ensureInstalled, run } from './debian.ts';

/** It takes two minutes on a fast line. */
const debootstrapMs = 1_200_000;

/** dbus-user-session brings the bus of a user's own systemd. */
const packages = ['systemd', 'dbus', 'dbus-user-session', 'libpam-systemd'];

/**
 * A tree of Debian trixie with systemd 257 and dbus-daemon, for
 * `bootSystemd({ root, cgroupV2Only: true })`. It is made once, in .cache/trixie, from the mirror
 * that this machine's own package lists come from; root and some 300 MB are needed.
 */
export async function trixieRoot(): Promise<string> {
  const root = join(cache, 'trixie');
  if (existsSync(root)) return root;
  const partial = `${root}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  await ensureInstalled(['wget', 'gpgv', 'debian-archive-keyring']);
  const script = '/usr/sbin/debootstrap';
  const debootstrap = await debianBinary('debootstrap', script);
  const own = debootstrap.slice(0, -script.length);
  // In namespaces of its own, what it mounts and starts in the tree ends with it.
  await run(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'],
      ...[debootstrap, '--variant=minbase', `--include=${packages.join(',')}`],
      ...['trixie', partial, await mirror()],
    ],
    { env: { DEBOOTSTRAP_DIR: `${own}/usr/share/debootstrap` }, timeout: debootstrapMs },
  );
  // The downloaded packages are a third of the tree, and nobody needs them again.
  rmSync(join(partial, 'var/cache/apt/archives'), { recursive: true, force: true });
  renameSync(partial, root);
  return root;
}

/** The archive that this machine's package lists of Debian's main component name. */
async function mirror(): Promise<string> {
  const format = '$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)';
  const targets = await run('apt-get', ['indextargets', '--format', format]);
  const line = targets.split('\n').find((target) => target.startsWith('Debian Debian main '));
  if (line === undefined)
    throw new Error('This machine has no package lists of Debian: run apt-get update on a Debian.');
  return line.split(' ')[3] ?? '';
}

/** By name, `node dist/test/trixie.js`: makes the tree, boots it and says what booted. */
async function main(): Promise<void> {
  const root = await trixieRoot();
  const bed = await bootSystemd({ root, cgroupV2Only: true, journal: true });
  try {
    const version = await bed.exec(['systemctl', '--version']);
    const state = await bed.systemctl('is-system-running');
    const [name = ''] = version.stdout.split('\n');
    assert.match(name, /^systemd 257 /);
    process.stdout.write(`${root}: ${name}: ${state}`);
  } finally {
    await bed.stop();
  }
}

if (pathToFileURL(argv[1] ?? '').href === import.meta.url) await main();
