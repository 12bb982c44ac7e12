/** signal(7), the numbers of x86, ARM, POWER, s390 and RISC-V; index 0 is signal 1. */
const names = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP ' +
  'TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** The kernel's first real-time signal that the C library leaves to programs. */
const sigRtMin = 34;

/** `SIGKILL` for 9, `SIGRTMIN+1` for 35; the number itself for what is no signal. */
export function signalName(number: number): string {
  const name = names[number - 1];
  if (name !== undefined) return `SIG${name}`;
  if (number === sigRtMin) return 'SIGRTMIN';
  return number > sigRtMin && number <= 64 ? `SIGRTMIN+${number - sigRtMin}` : String(number);
}
