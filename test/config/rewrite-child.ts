import { rewriteFile } from '../../src/config/rewrite.ts';
import { addService } from '../../src/config/services.ts';

/** Adds services to a file, one edit each: `FILE PREFIX COUNT`, as the user `UID` where one is given. */
const [file = '', prefix = '', count = '1', uid] = process.argv.slice(2);
if (uid !== undefined) {
  // The repository may lie where that user cannot read.
  await import('yaml');
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}
for (let i = 0; i < Number(count); i++) {
  const asked = { url: `http://${prefix}.example.org/${i}`, method: 'GET', checkRegex: false };
  const done = await rewriteFile<never>(file, (read) => addService(read, asked, {}));
  if ('faults' in done) {
    process.stdout.write(`${done.faults.join('\n')}\n`);
    process.exit(2);
  }
  process.stderr.write('.');
}
