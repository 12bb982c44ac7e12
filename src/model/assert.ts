/** Something unitwatch itself got wrong. It is never caught: the process ends, systemd restarts it. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`unitwatch is wrong: ${message}`);
}
