import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** A mail as the server got it. */
export interface Mail {
  readonly to: readonly string[];
  readonly text: string;
}

/** The part of RFC 5321 that a client needs. @param refused what is answered to RCPT, if not 250 */
export async function smtpServer(refused: () => string | undefined) {
  const mails: Mail[] = [];
  const server = createServer((socket) => {
    let to: string[] = [];
    let data: string[] | undefined;
    const say = (line: string) => socket.write(`${line}\r\n`);
    socket.on('error', () => {});
    say('220 test');
    const replies: Readonly<Record<string, () => string>> = {
      RCPT: () => refused() ?? '250 ok',
      DATA: () => {
        data = [];
        return '354 go on';
      },
      QUIT: () => '221 bye',
    };
    const take = (line: string, lines: string[]): void => {
      if (line !== '.') {
        lines.push(line);
        return;
      }
      mails.push({ to, text: lines.join('\n') });
      [to, data] = [[], undefined];
      say('250 taken');
    };
    createInterface(socket).on('line', (line) => {
      if (data) return take(line, data);
      const verb = line.slice(0, 4).toUpperCase();
      const reply = replies[verb]?.() ?? '250 ok';
      if (verb === 'RCPT' && reply.startsWith('250')) to.push(line.slice(8));
      say(reply);
      if (verb === 'QUIT') socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { port, mails, close: () => server.close() };
}
