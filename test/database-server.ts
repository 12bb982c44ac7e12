/** What the temporary database servers of the tests have in common. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { run } from './debian.ts';

/** Of a new data directory, a start, recovery and an end: each some seconds, on a busy machine many. */
const startMs = 120_000;

/** Whom the server runs as. */
export interface Owner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Where a server has its files, and where it listens. */
export interface Place {
  readonly folder: string;
  readonly owner: Owner;
  /** Nobody listens there now. */
  readonly port: number;
  /** Has signed the server's certificate, for the name localhost. */
  readonly ca: string;
  /** Signs nothing here. */
  readonly otherCa: string;
}

/**
 * A directory with certificates, and a server made in it; without a server there is no directory.
 * @param user of Debian, whom the server runs as when root tests it; else it runs as whoever does
 */
export async function inPlace<T>(user: string, make: (place: Place) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), `unitwatch-${user}-`));
  try {
    const owner = ownerOf(user);
    chownSync(folder, owner.uid, owner.gid);
    await makeCertificates(folder, owner);
    const at = (name: string): string => join(folder, name);
    const port = await freePort();
    return await make({ folder, owner, port, ca: at('ca.pem'), otherCa: at('other.pem') });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function ownerOf(user: string): Owner {
  const { username, uid, gid } = userInfo();
  if (uid !== 0) return { name: username, uid, gid };
  const [, , userUid = '', userGid = ''] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === user) ?? [];
  return { name: user, uid: Number(userUid), gid: Number(userGid) };
}

/** `ca.pem`, `other.pem`, `server.key` and `server.pem`. */
async function makeCertificates(folder: string, { uid, gid }: Owner): Promise<void> {
  const ssl = (...argv: string[]): Promise<string> => run('openssl', argv, { cwd: folder });
  const fresh = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  for (const name of ['ca', 'other']) {
    const subject = ['-subj', `/CN=unitwatch test ${name}`];
    await ssl(...fresh, ...subject, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  }
  await ssl(
    ...fresh,
    ...['-CA', 'ca.pem', '-CAkey', 'ca.key', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-keyout', 'server.key', '-out', 'server.pem'],
  );
  for (const name of ['server.key', 'server.pem', 'ca.pem']) {
    chownSync(join(folder, name), uid, gid);
  }
  chmodSync(join(folder, 'server.key'), 0o600);
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child !== undefined && child.exitCode === null && child.signalCode === null;
}

/**
 * Waits for a server that was just started.
 * @param ask throws while it does not answer
 * @param log its last words, for the error
 */
export async function untilAnswers(
  child: ChildProcess,
  ask: () => Promise<unknown>,
  log: () => string,
): Promise<void> {
  const deadline = performance.now() + startMs;
  for (;;) {
    try {
      await ask();
      return;
    } catch (cause) {
      if (!isRunning(child) || performance.now() > deadline) {
        throw new Error(`${child.spawnfile} does not start:\n${log()}`, { cause });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
