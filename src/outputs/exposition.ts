import type { Declared, Sample } from './metric.ts';

/** One family in Prometheus' text format 0.0.4; empty where there are no samples. */
export function familyText(metric: Declared, samples: Iterable<Sample>): string {
  const lines = linesOf(metric, samples);
  return lines === '' ? '' : headerOf(metric) + lines;
}

function linesOf({ name }: Declared, samples: Iterable<Sample>): string {
  let lines = '';
  for (const sample of samples) {
    const labels = Object.entries(sample.labels).map(
      ([label, value]) => `${label}="${escapeLabel(value)}"`,
    );
    const inBraces = labels.length > 0 ? `{${labels.join(',')}}` : '';
    lines += `${sample.metricName ?? name}${inBraces} ${sample.value}\n`;
  }
  return lines;
}

/** The same of anything that has lines in it, one by one, so that others have their turn in between. */
export function* familyPieces<T>(
  metric: Declared & { samples(items: Iterable<T>): Iterable<Sample> },
  items: Iterable<T>,
): Generator<string, void> {
  let header = headerOf(metric);
  for (const item of items) {
    const lines = linesOf(metric, metric.samples([item]));
    if (lines === '') continue;
    yield header + lines;
    header = '';
  }
}

/** What stands above a family's lines. */
export function headerOf({ name, help, type }: Declared): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Exposition formats, text format 0.0.4: backslash, quote and line feed are escaped, nothing else. */
export function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
