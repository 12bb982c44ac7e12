import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One component of a platform for a test. */
export interface Made {
  readonly needs?: readonly string[];
  /** Shell commands before it becomes what its criteria look for. */
  readonly first?: string;
  /** The unit that it is. */
  readonly unit?: string;
  /** It cannot be started. */
  readonly noStart?: boolean;
}

/** A folder with a configuration whose components are real processes, each known by a word of its own. */
export class TestPlatform {
  readonly folder = mkdtempSync(join(tmpdir(), 'unitwatch-cli-'));
  readonly config = join(this.folder, 'unitwatch.yaml');
  readonly env: Readonly<Record<string, string>> = {
    UNITWATCH_CONFIG: this.config,
    HOME: this.folder,
    XDG_STATE_HOME: join(this.folder, 'state'),
  };

  /** @param more further lines of the configuration */
  configure(components: Readonly<Record<string, Made>>, more: object = {}): void {
    const made = Object.entries(components).map(([name, one], i) => [
      name,
      this.#component(one, i),
    ]);
    // JSON is YAML.
    const text = { listen: 'off', checks: { components: Object.fromEntries(made) }, ...more };
    writeFileSync(this.config, JSON.stringify(text), { mode: 0o600 });
  }

  #component({ needs = [], first = '', unit, noStart }: Made, place: number): object {
    const word = join(this.folder, `word${place}`);
    const known = unit === undefined ? { criteria: [{ index: 0, regex: `^${word}$` }] } : { unit };
    const start = ['/bin/bash', '-c', `${first}\nexec -a ${word} sleep 600`];
    return {
      ...known,
      depends_on: needs,
      ...(noStart !== true && unit === undefined && { start }),
    };
  }

  /** PIDs of the components' processes. */
  processes(): readonly number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.folder);
        } catch {
          return false;
        }
      })
      .map(Number)
      .filter((pid) => pid !== process.pid);
  }

  /** Ends its processes and removes the folder. */
  close(): void {
    for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
