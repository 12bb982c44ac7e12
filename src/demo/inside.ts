import { spawn } from 'node:child_process';

/** What a command inside a throw-away systemd did. `status` is null where a signal ended it. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** After this long the command is killed and the call fails; milliseconds. */
  readonly timeoutMs?: number;
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a command may print; more than this in a variable is a mistake (stream it instead). */
const maxOutputBytes = 64 * 1024 * 1024;
/** In a storm of crashes systemd takes more than half a minute for an answer on a busy machine. */
const defaultTimeoutMs = 120_000;

/** The command line that runs `argv` in the namespaces of process `pid`. */
export function insideArgv(pid: number, argv: readonly string[]): string[] {
  return ['nsenter', '-t', String(pid), '-m', '-p', '-u', '-i', '-n', '-C', '--', ...argv];
}

/** Its environment: nothing of the host's. */
export function insideEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    ...extra,
  };
}

/** Runs a command in the namespaces of process `pid`, in a process group of its own. */
export function execInside(
  pid: number,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<Outcome> {
  const [file = '', ...rest] = insideArgv(pid, argv);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { detached: true, env: insideEnvironment(options.env) });
    let stdout = '';
    let stderr = '';
    let failure: string | undefined;
    const kill = (why: string) => {
      failure ??= `${argv.join(' ')}: ${why}`;
      // The group, since nsenter's child would outlive it.
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(() => kill(`no end after ${timeoutMs} ms`), timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.length > maxOutputBytes) kill(`more than ${maxOutputBytes} bytes of output`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (stderr.length > maxOutputBytes) kill(`more than ${maxOutputBytes} bytes of errors`);
    });
    // A command that ends without reading its input closes the pipe early, which is its right.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new Error(`${argv.join(' ')}: cannot run nsenter`, { cause }));
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (failure === undefined) resolve({ status, signal, stdout, stderr });
      else reject(new Error(`${failure}\n${stderr}`.trimEnd()));
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
