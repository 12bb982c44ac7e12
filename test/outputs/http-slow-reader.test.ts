import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { testView, unitView } from './agent-view.ts';
import { serve } from './http-client.ts';

test('a reader that goes on, but too slowly, is cut off after 10 s', async (t) => {
  const units = Array.from({ length: 10_000 }, (_, i) => unitView(`unit-${i}.service`));
  const server = await serve(testView(units), {
    settings: {
      nodeExporterNames: true,
      systemdExporterNames: true,
      processExporterNames: true,
      compress: 'never',
    },
  });
  t.after(() => server.close());
  const began = performance.now();
  let bytes = 0;
  const socket = connect(server.address.port, server.address.host);
  socket.on('error', () => undefined);
  // About 1 MB a second of a text of more than 20 MB; what is in the kernel still comes after the cut.
  socket.on('data', (data) => {
    bytes += data.length;
    socket.pause();
    setTimeout(() => socket.resume(), 50);
  });
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => socket.on('close', resolve));
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 9_000 && tookMs < 20_000, `${tookMs} ms`);
  assert.ok(bytes > 1e6 && bytes < 20e6, `${bytes} bytes`);
});
