import { tableText } from './table.ts';

const heads = ['TIME', 'SERVICE', 'STATE', 'REASON', 'DELIVERY', 'ATTEMPTS', 'FAILURE'];

/** The log of a caller as a table, the oldest first. @param json what the API answered */
export function logText(json: unknown): string {
  if (!Array.isArray(json) || json.length === 0) return 'Nothing was to be told yet.\n';
  return tableText(heads, json.map(rowOf));
}

function rowOf(entry: unknown): readonly string[] {
  const { time, message, phase, attempts, reason: failure }: LoggedEntry = Object(entry);
  const { service, state, reason }: LoggedMessage = Object(message);
  const delivery = String(phase).replace('_', ' ');
  return [time, service, state, reason, delivery, attempts, failure].map(cellOf);
}

/** As the log of the monitor has it; who answered may be somebody else. */
interface LoggedEntry {
  readonly time?: unknown;
  readonly message?: unknown;
  readonly phase?: unknown;
  readonly attempts?: unknown;
  readonly reason?: unknown;
}

interface LoggedMessage {
  readonly service?: unknown;
  readonly state?: unknown;
  readonly reason?: unknown;
}

const cellOf = (value: unknown): string =>
  value === undefined || value === '' ? '-' : String(value);
