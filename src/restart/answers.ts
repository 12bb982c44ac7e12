import { SourceError } from './contract.ts';

/** One poll, claim or settle; the pool of a database has shorter limits of its own. */
const sourceMs = 30_000;

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Rejects where the answer takes too long; a source has time limits of its own, shorter ones. */
export async function limited<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new SourceError('down', 'no answer came in time'));
    }, sourceMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
