/**
 * Every limit of the program, once, with its reason. A queue, a cache or a wait that has none is a
 * fault. Tests cross each of them.
 */
export const limits = {
  /** One NDJSON line; longer ones are cut at their longest text (many log shippers stop at 64 KiB). */
  eventBytes: 65_536,
  /** Calls under way on the D-Bus connection; dbus-daemon refuses more than 128 replies pending. */
  callsInFlight: 32,
  /** A call without an answer. systemd itself gives up on a start job after 90 s, on a read never. */
  callDeadlineMs: 30_000,
  /** The D-Bus specification's maximum message; a longer length is a lie or a broken stream. */
  messageBytes: 134_217_728,
  /** D-Bus containers may nest 32 arrays and 32 structs. */
  nesting: 64,
  /** Longest unit name systemd accepts (UNIT_NAME_MAX, src/basic/unit-name.h). */
  unitNameBytes: 255,
  /** Distinct SubState and Result strings kept; systemd 257 has about 90 in all. */
  internedStrings: 512,
  /** Longest of those: longer ones are nobody's state name. */
  internedBytes: 64,
  /** Units followed; beyond it units are counted but not followed. Kubernetes nodes reach 20,000. */
  units: 100_000,
  /** Restart counts kept of units that were unloaded, for when they come back. */
  unloadedCounts: 10_000,
  /** Results kept of jobs that ended, for the call whose answer comes after the job's end. */
  finishedJobs: 1_000,
  /** Jobs of our own that are followed at once; a shell and a repair engine together ask for a few. */
  ownJobs: 64,
  /** Stops under a job that are remembered; beyond it the oldest is taken for no stop by hand. */
  rememberedStops: 10_000,
  /** New units looked up in one call; more are read with the whole table. */
  gatheredNames: 1_000,
  /** How long an end that may be a passing one waits before systemd is asked (0.3 ms apart). */
  passingMs: 3,
  /**
   * The same in a recording, where nobody can be asked: where Restart= says that systemd will start
   * the unit again, and where that is not known.
   */
  restartExpectedMs: 500,
  restartPossibleMs: 100,
  /** Restarts told one by one when a single signal hid several; more are one event with a count. */
  inferredEvents: 10,
  /** Wait between two attempts to reach the bus: doubles from the first to the second value. */
  reconnectFirstMs: 100,
  reconnectLastMs: 15_000,
  /** SIGTERM to the end of the process, with everything flushed. */
  shutdownMs: 2_000,
  /** Bytes of finished lines that wait for a slow reader, beside `event_buffer_size`. */
  outputBytes: 67_108_864,
} as const;
