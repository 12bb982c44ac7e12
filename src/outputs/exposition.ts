import type { Declared, Sample } from './metric.ts';

/** One family in Prometheus' text format 0.0.4; empty where there are no samples. */
export function familyText({ name, help, type }: Declared, samples: Iterable<Sample>): string {
  let lines = '';
  for (const sample of samples) {
    const labels = Object.entries(sample.labels).map(
      ([label, value]) => `${label}="${escapeLabel(value)}"`,
    );
    const inBraces = labels.length > 0 ? `{${labels.join(',')}}` : '';
    lines += `${sample.metricName ?? name}${inBraces} ${sample.value}\n`;
  }
  return lines === '' ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`;
}

/** Backslash, quote and line feed are escaped, nothing else. */
function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
