/** Gives up root, tries to listen on the port it was told, and prints what came of it as JSON. */
import { testView } from './agent-view.ts';
import { serve } from './http-client.ts';

const nobody = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(nobody);
  process.setuid?.(nobody);
}
const port = Number(process.argv[2]);
try {
  const server = await serve(testView(), { listen: { host: '127.0.0.1', port } });
  process.stdout.write(JSON.stringify({ port: server.address.port }));
  await server.close();
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  process.stdout.write(JSON.stringify({ code, message }));
}
