import { severities } from '../model/event.ts';
import type { Finding } from '../model/finding.ts';

/** Checks on state that was read back from a file: nothing in it is trusted. */

export function isObject(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

/** A finite number from 0 up to what a time in microseconds can be. */
export function isAmount(data: unknown): data is number {
  return typeof data === 'number' && data >= 0 && data <= Number.MAX_SAFE_INTEGER;
}

/** At most `max` times or amounts, ascending. */
export function isTimes(data: unknown, max: number): data is number[] {
  if (!isAmounts(data, max)) return false;
  return data.every((value, i) => i === 0 || value >= (data[i - 1] as number));
}

/** At most `max` amounts. */
export function isAmounts(data: unknown, max: number): data is number[] {
  return Array.isArray(data) && data.length <= max && data.every(isAmount);
}

/** The amounts stored under each of `names`; undefined where one is missing or is none. */
export function amountsOf<K extends string>(
  data: Readonly<Record<string, unknown>>,
  names: readonly K[],
): Record<K, number> | undefined {
  const amounts: Partial<Record<K, number>> = {};
  for (const name of names) {
    const value = data[name];
    if (!isAmount(value)) return undefined;
    amounts[name] = value;
  }
  return amounts as Record<K, number>;
}

/** A finding as it was told; its evidence is only looked at by those who show it. */
export function isFinding(data: unknown): data is Finding {
  if (!isObject(data)) return false;
  const { pattern, service, phase, timeUs, severity, sentence, evidence, id } = data;
  const texts = [pattern, service, phase, sentence, id];
  if (!texts.every((text) => typeof text === 'string' && text.length <= 2048)) return false;
  return severities.some((known) => known === severity) && isAmount(timeUs) && isObject(evidence);
}
