import { execFile } from 'node:child_process';

/** An entry of the user database. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** A directory service that does not answer must not hold a check up. */
const lookUpMs = 5_000;

/**
 * Looks a user up by name or number. It asks getent, because users may be in a directory service
 * (LDAP, systemd-homed) and not in /etc/passwd. undefined where there is no such user.
 */
export function lookUpUser(nameOrUid: string): Promise<User | undefined> {
  // getent takes a leading hyphen for an option.
  if (!/^[A-Za-z0-9_][^:\n]*$/.test(nameOrUid)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    execFile('getent', ['passwd', nameOrUid], { timeout: lookUpMs }, (error, stdout) => {
      resolve(error === null ? parseUser(stdout) : undefined);
    });
  });
}

/** A line of passwd(5). */
export function parseUser(line: string): User | undefined {
  const fields = line.trimEnd().split(':');
  const [name = '', , uid = '', gid = '', , home = '/', shell = '/bin/sh'] = fields;
  if (fields.length !== 7 || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home, shell };
}
