import type { ServerResponse } from 'node:http';

/** From the first byte to the last one taken. */
const answerMs = 10_000;

/** A reader who takes longer is let go of: an answer is held as a whole. @param done is called then, or at its end */
export function limitAnswer(response: ServerResponse, done: () => void = () => {}): void {
  const deadline = setTimeout(() => response.destroy(), answerMs);
  response.once('close', () => {
    clearTimeout(deadline);
    done();
  });
}
