/**
 * Waits until one of the services that are named on the command line fails, and says how:
 *
 *     node library.js nginx.service 'app-*'
 */
import { Collector } from 'unitwatch';

const collector = new Collector({
  only: process.argv.slice(2),
  ...(process.env['BUS'] && { bus: process.env['BUS'] }),
});

for await (const event of collector.events()) {
  if (event.event_type === 'restarted') {
    console.log(`${event.service} restarted (${event.data.cause}, ${event.data.count})`);
  } else if (event.event_type === 'failed') {
    console.log(`${event.service} failed: ${event.data.signal ?? event.data.exit_code}`);
    break; // leaving the loop stops the collector, and the process ends
  }
}
