import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of PostgreSQL that cuts a connection at the worst moment. */
export interface CuttingProxy {
  readonly port: number;
  /** Connections cut so far. */
  readonly cuts: number;
  /**
   * Cuts the next `times` connections that commit: `after` the server has answered, whose answer is
   * then kept back, or `before` the COMMIT reaches it.
   */
  cut(when: 'before' | 'after', times: number): void;
  close(): Promise<void>;
}

/** The simple query COMMIT, as the protocol has it: `Q`, its length, the text, a NUL. */
const commit = Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1');

export async function cuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let left = 0;
  let moment: 'before' | 'after' = 'after';
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    let committing = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (data) => {
      if (left > 0 && data.includes(commit)) {
        left--;
        cuts++;
        if (moment === 'before') return end();
        committing = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (committing) end();
      else client.write(data);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    get cuts() {
      return cuts;
    },
    cut: (when, times) => {
      moment = when;
      left = times;
    },
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
