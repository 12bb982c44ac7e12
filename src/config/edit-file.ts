import type { FileRead } from './file.ts';
import { isIni } from './ini.ts';
import type { Config } from './keys.ts';
import { readKeys } from './load.ts';
import type { Faults } from './rewrite.ts';
import type { Origins } from './setting.ts';
import { shown } from './shown.ts';
import type { Edited } from './yaml-edit.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a file says before it is edited, or why it cannot be. */
export async function openForEdit(
  file: FileRead,
  env: Environment,
): Promise<{ readonly config: Config; readonly origins: Origins } | Faults> {
  const name = shown(file.name, 200);
  if (isIni(file.name, file.text)) {
    const what = 'is no YAML but an old config.ini, which no command edits';
    return {
      faults: [
        `${name}: ${what}; write it as YAML with: unitwatch config import FILE --output NEW`,
      ],
    };
  }
  const read = await readKeys(file, { env });
  if (!('faults' in read)) return read;
  return { faults: [...read.faults, `${name}: is not edited before that is mended`] };
}

/** The edited text, where the configuration that it makes is valid. */
export async function closeEdit(
  file: FileRead,
  edited: Edited,
  env: Environment,
): Promise<{ readonly text: string; readonly config: Config } | Faults> {
  const name = shown(file.name, 200);
  if ('fault' in edited) return { faults: [`${name}: ${edited.fault}`] };
  const { text } = edited;
  const read = await readKeys({ ...file, text }, { env });
  if (!('faults' in read)) return { text, config: read.config };
  return {
    faults: [...read.faults, `${name}: is left as it was, because the edit would not be valid`],
  };
}
