import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Keeps the connections of a server at `most`: one more ends the oldest on which no request is being
 * answered, so that silent ones, however many, keep nobody out. Where all are being answered, the new
 * one is ended.
 */
export function limitConnections(server: Server, most: number): void {
  const open = new Set<Socket>();
  /** Without a request under way; the one that has been so for longest is the first. */
  const idle = new Set<Socket>();
  const forget = (socket: Socket): void => {
    open.delete(socket);
    idle.delete(socket);
  };
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    idle.add(socket);
    socket.once('close', () => forget(socket));
    const [oldest] = idle;
    if (open.size <= most || !oldest) return;
    forget(oldest);
    oldest.destroy();
  });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (open.has(socket)) idle.add(socket);
    });
  });
}
