/** Something unitwatch itself got wrong. It is never caught: the process ends, systemd restarts it. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`unitwatch is wrong: ${message}`);
}

/** At the end of an exhaustive `switch`: a new tag that nobody handles does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unitwatch is wrong: unhandled ${JSON.stringify(value)}`);
}
