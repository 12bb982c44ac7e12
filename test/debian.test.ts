import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { cache, debianBinary, ensureInstalled, run } from './debian.ts';

describe('programs out of Debian packages', () => {
  test('promtool', async () => {
    const promtool = await debianBinary('prometheus', '/usr/bin/promtool');
    assert.match(await run(promtool, ['--version']), /^promtool, version \d+\.\d+/);
  });

  test('node_exporter', async () => {
    const path = '/usr/bin/prometheus-node-exporter';
    const exporter = await debianBinary('prometheus-node-exporter', path);
    assert.match(await run(exporter, ['--version']), /^node_exporter, version \d+\.\d+/);
    assert.equal(await debianBinary('prometheus-node-exporter', path), exporter);
  });

  test('one that is installed is taken as it is', async () => {
    assert.equal(await debianBinary('dpkg', '/usr/bin/dpkg'), '/usr/bin/dpkg');
  });

  test('a package that cannot be had is named, with the command', async () => {
    assert.match(
      await offline(`debianBinary('prometheus-absent', '/usr/bin/absent')`),
      /^absent is not installed and its package cannot be downloaded \(apt-get: .+\): run apt-get install --no-install-recommends prometheus-absent\.\n$/,
    );
    assert.equal(existsSync(join(cache, 'debian/prometheus-absent')), false);
  });
});

describe('packages that must be installed', () => {
  test('they are', async () => {
    await ensureInstalled(['systemd', 'dbus']);
    assert.ok(existsSync('/usr/bin/dbus-daemon'));
  });

  test('one that cannot be is named, with the command', async () => {
    assert.match(
      await offline(`ensureInstalled(['dpkg', 'absent-one', 'absent-two'])`),
      /^The tests need Debian packages that are not installed \(apt-get: .+\): run apt-get install -y --no-install-recommends absent-one absent-two\.\n$/,
    );
  });

  test('who is not root is told so', async () => {
    await assert.rejects(ensureInstalled(['dpkg', 'absent-one'], 1000), {
      message:
        'The tests need Debian packages that are not installed (only root may install them): ' +
        'run apt-get install -y --no-install-recommends absent-one.',
    });
  });
});

/** The error of a call made on a machine without a network. */
function offline(call: string): Promise<string> {
  const module = JSON.stringify(new URL('./debian.js', import.meta.url).href);
  const script = `
    const { debianBinary, ensureInstalled } = await import(${module});
    await ${call}.then(() => console.log('it can'), (error) => console.log(error.message));`;
  return run('unshare', ['--net', process.execPath, '--input-type=module', '-e', script]);
}
