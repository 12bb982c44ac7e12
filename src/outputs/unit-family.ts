import type { UnitView } from '../model/unit.ts';
import { escapeLabel, headerOf } from './exposition.ts';
import type { UnitMetric } from './metric.ts';

/** A family with lines for each unit, ready to be written. */
export interface UnitFamily {
  readonly header: string;
  /** The unit's lines; empty where it has none. */
  lines(unit: UnitView): string;
}

/**
 * What of a family's lines is the same for every unit is put together once. A thousand units have
 * 11,000 lines, and four scrapes a minute never make this code hot: what counts is how few steps there
 * are for each unit.
 */
export function unitFamily(metric: UnitMetric): UnitFamily {
  const write = 'oneOf' in metric ? oneOfWriter(metric) : valueWriter(metric);
  const { covers, unitType } = metric;
  return {
    header: `\n${headerOf(metric)}`,
    lines: (unit) => {
      if (covers && !covers(unit)) return '';
      const name = `name="${escapeLabel(unit.name)}"`;
      return write(unit, unitType ? `${name},type="${escapeLabel(unitType(unit))}"` : name);
    },
  };
}

type Writer = (unit: UnitView, labels: string) => string;

/** All lines of a unit are one text with gaps for its labels, and there are as many texts as states. */
function oneOfWriter({ name, oneOf, which }: Extract<UnitMetric, { oneOf: object }>): Writer {
  const gapped = (one: string): readonly string[] =>
    oneOf.values
      .map((value) => `${name}{\0,${oneOf.label}="${value}"} ${value === one ? 1 : 0}\n`)
      .join('')
      .split('\0');
  const texts = new Map(oneOf.values.map((value) => [value, gapped(value)]));
  const none = gapped('');
  return (unit, labels) => (texts.get(which(unit)) ?? none).join(labels);
}

function valueWriter({ name, each, value }: Extract<UnitMetric, { value: object }>): Writer {
  const start = `${name}{`;
  if (each === undefined) return (unit, labels) => `${start}${labels}} ${value(unit, '')}\n`;
  const ends = each.values.map((one) => [one, `,${each.label}="${one}"} `] as const);
  return (unit, labels) => {
    let lines = '';
    for (const [one, end] of ends) lines += `${start}${labels}${end}${value(unit, one)}\n`;
    return lines;
  };
}
