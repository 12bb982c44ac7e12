import { openNdjson } from './ndjson.ts';
import type { Output, OutputOptions } from './output.ts';
import { openPretty } from './pretty.ts';

/** Every way to write events to a descriptor. Adding one is a file, a row here, and its test. */
export const outputs = {
  ndjson: openNdjson,
  pretty: openPretty,
} satisfies Readonly<Record<string, (fd: number, options: OutputOptions) => Output>>;
