/** Inside a bed, as a user who may restart nothing: asks for everything, and prints what came. */
import { watchOn } from './watch-on.ts';

const [unit = ''] = process.argv.slice(2);
const watch = watchOn('unix:path=/run/dbus/system_bus_socket', () => {});
await watch.start();
const ends = [
  await watch.restartUnit(unit, 20_000),
  await watch.startUnit(unit, 20_000),
  await watch.stopUnit(unit, 20_000),
  await watch.resetFailed(unit),
];
process.stdout.write(JSON.stringify(ends));
watch.stop();
