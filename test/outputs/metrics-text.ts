import type { AgentView } from '../../src/model/view.ts';
import type { MetricsSettings } from '../../src/outputs/metrics.ts';
import { createMetrics } from '../../src/outputs/metrics.ts';

export const allNames: MetricsSettings = {
  nodeExporterNames: true,
  systemdExporterNames: true,
  processExporterNames: true,
};
export const ownNames: MetricsSettings = {
  nodeExporterNames: false,
  systemdExporterNames: false,
  processExporterNames: false,
};

export async function render(view: AgentView, settings = ownNames): Promise<string> {
  let text = '';
  for await (const piece of createMetrics(view, settings).render()) text += piece;
  return text;
}

export interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format as its description says; throws on a line that is none. */
export function parse(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/s.exec(line);
      if (!match) throw new Error(`not a line of the text format: ${JSON.stringify(line)}`);
      return { name: match[1] ?? '', labels: labelsOf(match[2] ?? ''), value: Number(match[3]) };
    });
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const label = /([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
  while (label.lastIndex < text.length) {
    const match = label.exec(text);
    if (!match) throw new Error(`not labels: ${JSON.stringify(text)}`);
    const value = (match[2] ?? '').replace(/\\(.)/g, (_all, c: string) => (c === 'n' ? '\n' : c));
    labels[match[1] ?? ''] = value;
  }
  return labels;
}

/** The value of the one line that has these labels; undefined when there is none. */
export function valueIn(
  lines: readonly Line[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = lines.filter(
    (line) =>
      line.name === name &&
      Object.entries(labels).every(([label, value]) => line.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} lines for ${name}`);
  return found[0]?.value;
}
