/** Writes the state file of argv[2] for ever, a piece after the other; it says when half is written. */
import { stateFile } from '../../src/outputs/state-file.ts';

function* endless(): Generator<string, void> {
  yield '{"new":[0';
  for (let n = 1; ; n++) {
    if (n === 100_000) process.stdout.write('half\n');
    yield `,${n}`;
  }
}

await stateFile(process.argv[2] as string).write(endless());
