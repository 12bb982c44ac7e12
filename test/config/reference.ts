import assert from 'node:assert/strict';
import { formatDuration } from '../../src/config/duration.ts';
import { variableOf } from '../../src/config/environment.ts';
import { formatValue } from '../../src/config/format.ts';
import { isCollection, isKey, type Key, type KeyTable, keysOf } from '../../src/config/key.ts';

/** What a key takes, in words. */
function accepted(key: Key): string {
  switch (key.type) {
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
      return `${key.min} to ${key.max}`;
    case 'number':
      return `number, ${key.min} to ${key.max}`;
    case 'duration':
      return `duration, ${formatDuration(key.min)} to ${formatDuration(key.max)}`;
    case 'text':
      return 'text';
    case 'texts':
      return 'list of texts';
    case 'patterns':
      return 'list of patterns';
    case 'one-of':
      return key.values.map((value) => `\`${value}\``).join(', ');
    case 'some-of':
      return `list of ${key.values.map((value) => `\`${value}\``).join(', ')}`;
    case 'address':
      return '`host:port` or `off`';
    case 'bus':
      return '`system`, `user`, `off` or a D-Bus address';
    case 'path':
      return 'absolute path';
    case 'secret':
      return 'secret';
    case 'command':
      return 'command';
    case 'action':
      return 'command or URL';
    case 'regex':
      return 'regular expression';
    case 'argument-index':
      return 'whole number or `any`';
    case 'span':
      return `number or span, up to ${key.max}`;
    case 'status-codes':
      return 'status codes';
    case 'url':
      return 'URL';
    case 'map-of':
      return `names, each with ${isKey(key.of) ? accepted(key.of) : 'keys of its own'}; at most ${key.max}`;
    case 'list-of':
      return `list of ${isKey(key.of) ? accepted(key.of) : 'records'}; at most ${key.max}`;
  }
}

function defaultText(key: Key): string {
  if (key.required) return 'must be given';
  const plain = typeof key.default === 'function' ? undefined : formatValue(key, key.default);
  return plain === undefined ? (key.default_doc ?? 'none') : `\`${plain}\``;
}

function row([path, key]: readonly [string, Key]): string {
  const reload = key.reload ? 'yes' : 'no';
  const cells = [`\`${path}\``, accepted(key), defaultText(key), reload, key.doc];
  return `| ${cells.join(' | ')} |\n`;
}

/** The keys of each record, below the path of its map or list. */
function recordTables(table: KeyTable, prefix: string): string {
  return keysOf(table, prefix)
    .map(([path, key]) => {
      if (!isCollection(key)) return '';
      const entry = key.type === 'map-of' ? `${path}.${key.names}` : `${path}[]`;
      if (isKey(key.of)) return recordTables({ entry: key.of }, `${entry}.`);
      const rows = keysOf(key.of, `${entry}.`).map(row).join('');
      const example = key.example ? `\n\`\`\`yaml\n${exampleText(path, key.example)}\`\`\`\n` : '';
      return `\n### \`${path}\`\n${example}\n${tableHead}${rows}${recordTables(key.of, `${entry}.`)}`;
    })
    .join('');
}

const tableHead = `| key | takes | default | reload | what it does |
|---|---|---|---|---|
`;

/** The example of a map, from the first section on. */
export function exampleText(path: string, example: string): string {
  const names = path.split('.');
  const lines = example.split('\n').map((line) => `${'  '.repeat(names.length)}${line}`);
  return [...names.map((name, i) => `${'  '.repeat(i)}${name}:`), ...lines, ''].join('\n');
}

function secretKeys(table: KeyTable): string {
  const paths = keysOf(table).flatMap(([path, key]) => (key.type === 'secret' ? [path] : []));
  if (paths.length === 0) return 'None of the keys above is a secret.';
  return `Secrets are ${paths.map((path) => `\`${path}\``).join(', ')}.`;
}

/** docs/configuration.md */
export function configurationPage(table: KeyTable): string {
  return `# Configuration

unitwatch runs without any. What it should do otherwise stands in \`/etc/unitwatch/unitwatch.yaml\` (somebody who is not root may have a \`~/.unitwatch/unitwatch.yaml\` instead), or in the file that \`--config FILE\` or \`UNITWATCH_CONFIG\` names. [examples/unitwatch.yaml](../examples/unitwatch.yaml) has every key with its default.

- \`unitwatch config check [FILE]\` says everything that is wrong with a configuration, one line each, and what was probably meant. Its exit status is 0, or 2 where something is wrong.
- \`unitwatch config import FILE [--output FILE]\` writes an old \`config.ini\` as YAML.
- \`unitwatch config show [--config FILE] [--yaml | --json]\` prints the configuration in effect as a table, who set each value, and the services. Secrets are hidden.
- \`unitwatch config create POSTGRES-URL\` and \`unitwatch config services add|show|update|remove\` write the file and edit it, with its comments kept: [commands.md](commands.md#unitwatch-config).

A faulty configuration starts nothing: every fault of every source is told at once, with file, line and column, and the exit status is 2. On a reload (SIGHUP, \`systemctl reload unitwatch\`) a faulty file leaves the running configuration as it is.

## Keys

"Reload" says whether a running agent takes a new value on a reload; the others wait for its next start.

${tableHead}${keysOf(table).map(row).join('')}
A dot stands for a section: \`metrics.node_exporter_names\` is \`node_exporter_names:\` below \`metrics:\`.

## Entries

Some keys have entries of their own: a map has names, which may be any text, and a record below each; a list has records. They stand in the file only: neither a variable nor the command line sets them. Below, a word in capitals stands for a name, and \`[]\` for an entry of a list. What an entry leaves out has the default that is told.
${recordTables(table, '')}
## Who wins

The command line, then the environment, then the file, then the default. A list is replaced as a whole, not added to.

Every key is also a variable: \`UNITWATCH_\`, then the path in capitals with \`_\` for the dots: \`${variableOf('metrics.node_exporter_names')}=true\`. Keys with [entries](#entries) are an exception. Lists are separated by commas, and a comma within \`/.../\` belongs to the expression; an empty variable is an empty list; for any other key it is a fault. A \`UNITWATCH_\` variable that is no key's is a fault, except \`UNITWATCH_CONFIG\` (the file) and what Kubernetes sets beside a Service called \`unitwatch\` (\`UNITWATCH_SERVICE_HOST\`, \`UNITWATCH_SERVICE_PORT...\`, \`UNITWATCH_PORT...\`).

## Values

- **Durations** have a unit: \`300ms\`, \`5s\`, \`5m\`, \`24h\`, \`7d\`, \`1h30m\`, \`1.5h\`. A bare number is refused.
- **Patterns** are globs (\`*\`, \`?\`, \`[a-c]\`, \`[!a-c]\`; \`*\` also crosses dots), or a regular expression between slashes, which may match anywhere in the name unless it is anchored: \`/^app-\\d+\\.service$/\`.
- **Commands** are a list (\`[/bin/systemctl, restart, nginx]\`), which runs as it is, without a shell; or one text, which \`/bin/sh -c\` runs. Nothing is put into a command, neither a name nor an event.
- **Regular expressions** are searched, not matched whole, by RE2's algorithm: no text makes them run for ever, and there is neither look-ahead nor back-reference.
- **Spans** are \`3\`, \`2-4\`, \`1+\` (or \`">=1"\`), \`"<=2"\`.
- **Booleans** are \`true\` and \`false\`.
- **Addresses** are \`host:port\`, or \`[::1]:9753\` for IPv6.
- **Texts** have no control characters and at most 4,096 characters; a list has at most 10,000 entries.

## The file

YAML 1.2 in UTF-8, one document, at most 1 MiB, a regular file. A key without a value (\`host:\`) is a fault, so that a line whose value got lost is noticed; a section without keys is empty. What makes YAML surprising is refused by name: keys written twice, anchors, aliases, merge keys (\`<<\`), tags, other versions of YAML, more than 32 levels of nesting.

## An old config.ini

\`--config config.ini\` reads the file of the older process monitor as it is: \`[database]\`, \`[monitor]\`, \`[process.default]\`, \`[process.NAME]\`, with its keys and its defaults, and \`restart.enabled\` on. A file is taken for one by its name (\`.ini\`), or because it begins with a \`[section]\`. \`unitwatch config import config.ini --output unitwatch.yaml\` writes the same as YAML, with its comments.

- Numbers without a unit are seconds. Keys are followed by \`=\` or \`:\`; an empty value is not set.
- A comment begins with \`#\` or \`;\`, at the start of a line or after white space. In a command \`;\` is the shell's. A value that holds \` #\` stands in quotes.
- \`health_check_command\` is \`post_health_check\`; it is tried once a second, as often as \`health_check_timeout\` has seconds. \`system_name\` is \`unit\`, and \`match\` for processes.
- \`%s\` in a command stands for the name of a \`[process.NAME]\` section, or its \`system_name\`. Names out of the database are never put into a command: where \`[process.default]\` has \`%s\`, it counts for processes with a section only.
- \`[logging]\` is not read.

## Secrets

${secretKeys(table)} A secret takes its value from the key itself, from a file that \`KEY_file\` names (one line end after the secret is left out), or, where neither is set, from the systemd credential with the key's path as its name (\`LoadCredential=store.postgres.password:/etc/unitwatch/postgres.password\`). The values of \`secret_headers\` are secrets, too; they stand in the file only. A file that holds a secret and that every user may read is refused, with the \`chmod\` that mends it. Secrets are never printed, logged or repeated in a message.
`;
}

/** Comments of at most this width. */
const WIDTH = 96;

function comment(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && indent.length + 2 + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `${indent}# ${line}\n`).join('');
}

function exampleOf(table: KeyTable, indent: string, section = ''): string {
  return Object.entries(table)
    .map(([name, node]) => {
      const path = `${section}${name}`;
      if (!isKey(node)) return `${indent}${name}:\n${exampleOf(node, `${indent}  `, `${path}.`)}`;
      const plain = typeof node.default === 'function' ? undefined : node.default;
      const value = formatValue(node, plain);
      if (isCollection(node) && node.example) {
        const lines = node.example.split('\n').map((line) => `${indent}#   ${line}\n`);
        const start = `${comment(node.doc, indent)}${indent}# Example:\n${indent}# ${name}:\n`;
        return `${start}${lines.join('')}${indent}${name}: ${value}\n\n`;
      }
      const setting =
        value === undefined
          ? comment(`Default: ${defaultText(node)}.`, indent) +
            `${indent}#${name}: ${likely[path] ?? likelyOf[node.type] ?? assert.fail(`an example of ${path}`)}\n`
          : `${indent}${name}: ${value}\n`;
      return `${comment(node.doc, indent)}${range(node, indent)}${setting}\n`;
    })
    .join('');
}

/** What the sentence of a key does not say by itself. */
function range(key: Key, indent: string): string {
  const values = 'values' in key ? key.values.join(', ') : '';
  switch (key.type) {
    case 'integer':
    case 'number':
      return comment(`Range: ${key.min} to ${key.max}.`, indent);
    case 'duration':
      return comment(`Range: ${formatDuration(key.min)} to ${formatDuration(key.max)}.`, indent);
    case 'one-of':
      return comment(`One of: ${values}.`, indent);
    case 'some-of':
      return comment(`Any of: ${values}.`, indent);
    default:
      return '';
  }
}

/** A key without a plain default is shown with a value that it might have, by its path or its type. */
const likely: Readonly<Record<string, string>> = {
  state_directory: '/var/lib/unitwatch',
  host: 'web-1',
  'database.socket': '/run/mysqld/mysqld.sock',
  'database.password': 'secret',
  'database.path': '/var/lib/unitwatch/alarms.sqlite',
  'database.ca_file': '/etc/unitwatch/ca.pem',
  'restart.default.unit': 'nginx.service',
  'store.path': '/var/lib/unitwatch/store.db',
  'store.postgres.url': 'postgres://unitwatch@db.example.org/unitwatch',
  'store.postgres.host': 'db.example.org',
  'store.postgres.password': 'secret',
  'store.postgres.ca_file': '/etc/unitwatch/ca.pem',
  'monitor.path': '/var/lib/unitwatch/monitor.sqlite',
  'monitor.smtp.host': 'mail.example.org',
  'monitor.smtp.ca_file': '/etc/unitwatch/ca.pem',
  'monitor.smtp.user': 'unitwatch',
  'monitor.smtp.password': 'secret',
  'page.token': 'secret',
};

const likelyOf: Partial<Record<Key['type'], string>> = {
  boolean: 'true',
  command: '[/usr/local/bin/check, --quick]',
  action: 'https://hooks.example.org/unitwatch',
  regex: 'nginx.*worker',
};

/** examples/unitwatch.yaml: every key with its default. */
export function exampleFile(table: KeyTable): string {
  const start = comment(
    'Every key of unitwatch with its default. Keep the lines that you change: what is left out has its default. `unitwatch config check FILE` checks a file; docs/configuration.md explains it.',
    '',
  );
  return `${start}\n${exampleOf(table, '').trimEnd()}\n`;
}
