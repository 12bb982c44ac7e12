import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../bed.ts';
import { debianBinary } from '../debian.ts';

export interface SmtpOptions {
  readonly tls: 'tls' | 'starttls' | 'off';
  /** Files in PEM; with TLS. */
  readonly certificate?: string;
  readonly key?: string;
  /** The one way to sign in, which it then insists on. */
  readonly mechanism?: 'PLAIN' | 'LOGIN';
  readonly user?: string;
  readonly password?: string;
}

/** What it answers from now on; `drop`: it takes the mail and cuts the connection. */
export interface SmtpOrders {
  readonly mail?: string;
  readonly rcpt?: string;
  readonly data?: string;
}

/** A mail as the server got it, its headers decoded. */
export interface Mail {
  readonly sender: string;
  readonly to: readonly string[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What Python's parser finds wrong with it. */
  readonly defects: readonly string[];
  readonly raw: string;
  readonly body: string;
  readonly tls: boolean;
}

interface Told extends Partial<Mail> {
  readonly port?: number;
  readonly auth?: string;
  readonly right?: boolean;
  readonly understood?: true;
}

const script = fileURLToPath(new URL('../../../test/checks/smtp-server.py', import.meta.url));
const modules = '/usr/lib/python3/dist-packages';
/** aiosmtpd and what it imports: the package, and a file of it. */
const packages = [
  ['python3-aiosmtpd', 'aiosmtpd/smtp.py'],
  ['python3-attr', 'attr/__init__.py'],
  ['python3-public', 'public/__init__.py'],
  ['python3-typing-extensions', 'typing_extensions.py'],
] as const;

/** A real SMTP server: Debian's aiosmtpd, in a process and on a port of its own. */
export async function smtpServer(options: SmtpOptions) {
  const paths: string[] = [];
  for (const [name, file] of packages) {
    const found = await debianBinary(name, `${modules}/${file}`);
    paths.push(found.slice(0, -file.length - 1));
  }
  const python = await debianBinary('python3-minimal', '/usr/bin/python3');
  const child = spawn(python, ['-I', '-c', loader(paths), script, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const told: Told[] = [];
  createInterface(child.stdout).on('line', (line) => told.push(JSON.parse(line)));
  const close = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  try {
    await until('the mail server listens', () => told[0]?.port !== undefined, 30_000);
  } catch (error) {
    await close();
    throw error;
  }
  const understood = () => told.filter((one) => one.understood).length;
  /** Null changes nothing: all that the server said before is heard when it is understood. */
  const order = async (orders: SmtpOrders | null): Promise<void> => {
    const before = understood();
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    await until('the order is understood', () => understood() > before, 10_000);
  };
  return {
    port: told[0]?.port ?? assert.fail('it listens'),
    order,
    async mails(): Promise<readonly Mail[]> {
      await order(null);
      return told.filter((one): one is Told & Mail => one.to !== undefined);
    },
    /** `PLAIN right tls`: who tried to sign in. */
    async signedIn(): Promise<readonly string[]> {
      await order(null);
      return told
        .filter(({ auth }) => auth !== undefined)
        .map(({ auth, right, tls }) => `${auth} ${right ? 'right' : 'wrong'}${tls ? ' tls' : ''}`);
    },
    close,
  };
}

/** `-I` keeps this machine's own modules out; the others are named here, and the script is run. */
function loader(paths: readonly string[]): string {
  const list = JSON.stringify([...new Set(paths)]);
  return `import sys; sys.path[1:1] = ${list}; sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], 'exec'))`;
}
