import { parseDuration } from './duration.ts';
import { type IniEntry, type IniSection, parseIni } from './ini.ts';
import { type OldKey, oldDatabase, oldDefaults, oldMonitor, oldProcess } from './legacy-keys.ts';
import { rawOf, shellWord } from './legacy-values.ts';
import { nearestName } from './nearest.ts';
import type { Raw } from './raw.ts';
import { quoted, shown } from './shown.ts';
import type { Located } from './yaml.ts';

/** One value of our configuration, as an old `config.ini` means it. */
export interface LegacyValue {
  readonly path: readonly string[];
  readonly raw: Raw;
  readonly offset: number;
  /** `[monitor] check_interval`; empty where the file does not say it. */
  readonly said: string;
  readonly comments: readonly string[];
}

export interface Legacy {
  readonly values: readonly LegacyValue[];
  readonly faults: readonly Located[];
  /** What is not read as the old program read it, one sentence each. */
  readonly notes: readonly string[];
  /** Comments below everything else. */
  readonly comments: readonly string[];
}

/** Reads an old `config.ini`: `[database]`, `[monitor]`, `[process.default]`, `[process.NAME]`. */
export function readLegacy(text: string): Legacy {
  const ini = parseIni(text, (key) => lookUp(oldProcess, key)?.type === 'command');
  const reading = new LegacyReading(ini.sections);
  return {
    values: reading.values,
    faults: [...ini.faults, ...reading.faults],
    notes: reading.notes,
    comments: ini.comments,
  };
}

function lookUp(keys: Readonly<Record<string, OldKey>>, name: string): OldKey | undefined {
  return Object.hasOwn(keys, name) ? keys[name] : undefined;
}

const processPrefix = 'process.';

class LegacyReading {
  readonly values: LegacyValue[] = [];
  readonly faults: Located[] = [];
  readonly notes: string[] = [];
  private readonly common: IniSection | undefined;

  constructor(sections: readonly IniSection[]) {
    this.common = sections.find(({ name }) => name === 'process.default');
    this.add(['restart', 'enabled'], { kind: 'boolean', value: true }, 0);
    for (const section of sections) this.takeSection(section);
    this.addDefaults();
  }

  private takeSection(section: IniSection): void {
    const { name, offset, comments } = section;
    const process = name.startsWith(processPrefix) ? name.slice(processPrefix.length) : '';
    const first = this.values.length;
    if (name === 'database') {
      this.add(['database', 'driver'], { kind: 'text', text: 'mysql', offset }, offset);
      this.takeEntries(section, oldDatabase, ['database']);
    } else if (name === 'monitor') this.takeEntries(section, oldMonitor, ['restart']);
    else if (name === 'logging') {
      this.notes.push('[logging] is not read: logs go to standard error, and to the journal.');
    } else if (name === 'process.default') this.takeDefault(section);
    else if (process !== '') this.takeProcess(section, process);
    else this.faults.push({ offset, text: unknownSection(name) });
    const head = this.values[first];
    if (head && comments.length > 0) {
      this.values[first] = { ...head, comments: [...comments, ...head.comments] };
    }
  }

  private takeDefault(section: IniSection): void {
    const path = ['restart', 'default'];
    for (const { entry, key } of this.known(section, oldProcess)) {
      const said = `[process.default] ${entry.key}`;
      if (entry.key === 'system_name') {
        const text = `${said}: is the name of one process; write it below [process.NAME]`;
        this.faults.push({ offset: entry.offset, text });
      } else if (key.type === 'command' && entry.value.includes('%s')) {
        this.leaveOut(entry, section);
      } else this.take(entry, key, path, section.name);
    }
  }

  /** Names out of a database are never put into a command; those of sections are the user's own. */
  private leaveOut(entry: IniEntry, section: IniSection): void {
    const said = `[process.default] ${entry.key}`;
    if (entry.key === 'restart_command' && strategyOf(section) === 'custom') {
      const text = `${said}: has %s, and a name out of the database is never put into a command; write a [process.NAME] section for each process`;
      this.faults.push({ offset: entry.offset, text });
      return;
    }
    this.notes.push(
      `${said} has %s: it counts for processes with a section of their own only, because a name out of the database is never put into a command.`,
    );
  }

  private takeProcess(section: IniSection, name: string): void {
    const path = ['restart', 'processes', name];
    const systemName = textOf(section, 'system_name') || name;
    const strategy = strategyOf(section) || strategyOf(this.common) || 'auto';
    // An entry without anything of its own is one all the same: it names the process.
    this.add(path, { kind: 'section', entries: [], offset: section.offset }, section.offset);
    for (const { entry, key } of this.known(section, oldProcess)) {
      if (entry.key === 'system_name') this.takeSystemName(entry, path, section.name, strategy);
      else this.take(entry, key, path, section.name, systemName);
    }
    this.inherit(section, path, systemName);
    const starts = textOf(section, 'start_command') || textOf(this.common, 'start_command');
    if ((strategy === 'process' || strategy === 'auto') && starts === '') {
      const text = `${shellWord(systemName)} >/dev/null 2>&1 &`;
      const { offset } = section;
      this.add([...path, 'start_command'], { kind: 'text', text, offset }, offset);
    }
  }

  /** Commands of `[process.default]` with `%s`, for this process. */
  private inherit(section: IniSection, path: readonly string[], systemName: string): void {
    for (const entry of this.common?.entries ?? []) {
      const key = lookUp(oldProcess, entry.key);
      if (key?.type !== 'command' || !entry.value.includes('%s')) continue;
      const own = section.entries.some(
        (candidate) => String(lookUp(oldProcess, candidate.key)?.to) === String(key.to),
      );
      const bare = { ...entry, comments: [] };
      if (!own) this.take(bare, key, path, 'process.default', systemName);
    }
  }

  private takeSystemName(
    entry: IniEntry,
    path: readonly string[],
    section: string,
    strategy: string,
  ): void {
    if (entry.value === '') return;
    const { value, valueOffset: offset } = entry;
    const said = `[${section}] system_name`;
    if (strategy === 'service' || strategy === 'auto') {
      const raw: Raw = { kind: 'text', text: value, offset };
      this.add([...path, 'unit'], raw, entry.offset, said, entry.comments);
    }
    if (strategy === 'process' || strategy === 'auto') {
      const escaped = value.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
      const raw: Raw = { kind: 'text', text: `^(\\S*/)?${escaped}(\\s|$)`, offset };
      this.add([...path, 'match'], raw, entry.offset, said);
    }
  }

  private takeEntries(
    section: IniSection,
    keys: Readonly<Record<string, OldKey>>,
    path: readonly string[],
  ): void {
    for (const { entry, key } of this.known(section, keys)) {
      this.take(entry, key, path, section.name);
    }
  }

  /** The entries with their keys; what is no key, or the same twice, is a fault. */
  private known(
    section: IniSection,
    keys: Readonly<Record<string, OldKey>>,
  ): readonly { readonly entry: IniEntry; readonly key: OldKey }[] {
    const seen = new Map<string, string>();
    return section.entries.flatMap((entry) => {
      const { offset } = entry;
      const key = lookUp(keys, entry.key);
      const said = `[${shown(section.name)}] ${shown(entry.key)}`;
      if (!key) {
        const meant = nearestName(entry.key, Object.keys(keys));
        const hint = meant === undefined ? '' : `; did you mean '${meant}'?`;
        this.faults.push({ offset, text: `${said}: is no key of config.ini${hint}` });
        return [];
      }
      const before = seen.get(String(key.to));
      seen.set(String(key.to), entry.key);
      if (before === undefined || before === entry.key) return [{ entry, key }];
      this.faults.push({ offset, text: `${said}: is the same as ${before}; remove one of them` });
      return [];
    });
  }

  /** A value that is empty is one that is not set. */
  private take(
    entry: IniEntry,
    key: OldKey,
    path: readonly string[],
    section: string,
    systemName?: string,
  ): void {
    if (entry.value === '') return;
    const { offset, valueOffset } = entry;
    const said = `[${section}] ${entry.key}`;
    const value =
      key.type === 'command' && systemName !== undefined
        ? entry.value.replaceAll('%s', () => shellWord(systemName))
        : entry.value;
    const raw = rawOf(key.type, value, valueOffset);
    if (!raw) {
      const text = `${shown(said)}: must be a number of seconds (got ${quoted(value)})`;
      this.faults.push({ offset: valueOffset, text });
      return;
    }
    this.add([...path, ...key.to], raw, offset, said, entry.comments);
    // The old program looked once a second until that time was over.
    const seconds = raw.kind === 'text' ? (parseDuration(raw.text) ?? 0) / 1_000 : 0;
    if (entry.key === 'health_check_timeout') {
      const checks = String(Math.min(Math.max(Math.ceil(seconds), 1), 1_000));
      const retries = rawOf('number', checks, valueOffset);
      if (retries) this.add([...path, 'health_check_retries'], retries, offset, said);
    }
  }

  private addDefaults(): void {
    for (const [path, text] of oldDefaults) {
      if (this.values.some((value) => String(value.path) === String(path))) continue;
      const raw: Raw = /^\d+$/.test(text)
        ? { kind: 'number', value: Number(text), text }
        : text === 'false'
          ? { kind: 'boolean', value: false }
          : { kind: 'text', text };
      this.add(path, raw, 0);
    }
  }

  private add(
    path: readonly string[],
    raw: Raw,
    offset: number,
    said = '',
    comments: readonly string[] = [],
  ): void {
    this.values.push({ path, raw, offset, said, comments });
  }
}

function unknownSection(name: string): string {
  const known = ['database', 'monitor', 'logging', 'process.default'];
  const meant = nearestName(name, known);
  const hint = meant === undefined ? '' : `; did you mean '[${meant}]'?`;
  return `[${shown(name)}]: is no section of config.ini${hint}`;
}

function textOf(section: IniSection | undefined, key: string): string {
  return section?.entries.find((entry) => entry.key === key)?.value ?? '';
}

function strategyOf(section: IniSection | undefined): string {
  return textOf(section, 'restart_strategy').toLowerCase();
}
