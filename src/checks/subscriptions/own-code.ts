/** For a program's own kinds of check and of notification, which may do anything. */

/** What is kept of a reason. */
const wordsMax = 500;

/** What a promise becomes, or undefined where it has not within the limit. It keeps no process alive. */
export async function within<T>(
  limitMs: number,
  promise: Promise<T>,
): Promise<{ readonly value: T } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
    timer.unref();
  });
  const kept = Promise.resolve(promise).then((value) => ({ value }));
  try {
    return await Promise.race([kept, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why something did not work, as a short text of one line. */
export function wordsOf(reason: unknown): string {
  const said = reason instanceof Error ? reason.message : reason;
  const text = typeof said === 'string' ? said : typeof said;
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, wordsMax);
}
