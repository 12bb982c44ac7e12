import { lineOf } from '../model/line.ts';
import { type Format, type Output, type OutputOptions, openOutput } from './output.ts';

const ndjson: Format = () => lineOf;

/** Events as NDJSON on an open descriptor, for programs: one object a line, see docs/events.md. */
export function openNdjson(fd: number, options: OutputOptions): Output {
  return openOutput(fd, ndjson, options);
}
