/** A seeded generator (mulberry32), so that a graph can be made again by its number. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface RandomGraph {
  readonly seed: number;
  /** Unit files: name to text. */
  readonly units: Readonly<Record<string, string>>;
  /** What is asked to be up, in the order in which it is asked for. */
  readonly started: readonly string[];
}

interface Plan {
  readonly name: string;
  readonly kind: 'service' | 'oneshot' | 'target' | 'socket';
  readonly unit: string[];
}

/** How often each kind of dependency is drawn. */
const weights: readonly (readonly [string, number])[] = [
  ['Requires', 22],
  ['Wants', 18],
  ['BindsTo', 12],
  ['PartOf', 12],
  ['Requisite', 6],
  ['Upholds', 5],
  ['PropagatesStopTo', 6],
  ['StopPropagatedFrom', 3],
  ['OnFailure', 4],
  ['OnSuccess', 2],
  ['Conflicts', 3],
];
/**
 * So many of the units depend on nothing, and only they are named by OnFailure= and OnSuccess=: a
 * unit that fails and is started again by what its failure starts keeps systemd busy for ever.
 */
const handlers = 4;

const total = weights.reduce((sum, [, weight]) => sum + weight, 0);

/**
 * 20 to 60 units that do nothing but run, tied to each other by all kinds of dependencies, in circles
 * too. Orderings go one way, since systemd refuses circles of them; some requirements have one, some
 * have none.
 */
export function randomGraph(seed: number): RandomGraph {
  const random = seeded(seed);
  const below = (n: number) => Math.floor(random() * n);
  const plans = Array.from({ length: 20 + below(41) }, (_, i) => plan(seed, i, random));
  const pairs = Math.floor(plans.length * (0.7 + random() * 1.1));
  for (let i = 0; i < pairs; i++) tie(plans, random);
  const units: Record<string, string> = {};
  for (const one of plans) Object.assign(units, filesOf(one, random));
  const started = plans.filter(() => random() < 0.85).map(({ name }) => name);
  return { seed, units, started };
}

function plan(seed: number, i: number, random: () => number): Plan {
  const drawn = random();
  const kind =
    drawn < 0.7 ? 'service' : drawn < 0.84 ? 'oneshot' : drawn < 0.94 ? 'target' : 'socket';
  const suffix = kind === 'oneshot' ? 'service' : kind;
  const unit = ['StartLimitIntervalSec=0'];
  if (random() < 0.06) unit.push('StopWhenUnneeded=yes');
  return { name: `g${seed}-${String(i).padStart(2, '0')}.${suffix}`, kind, unit };
}

function tie(plans: readonly Plan[], random: () => number): void {
  let at = random() * total;
  const [kind = 'Wants'] = weights.find(([, weight]) => {
    at -= weight;
    return at < 0;
  }) ?? ['Wants'];
  const a = Math.floor(random() * (plans.length - handlers));
  const b = kind.startsWith('On')
    ? plans.length - handlers + Math.floor(random() * handlers)
    : Math.floor(random() * plans.length);
  if (a === b) return;
  const [from, to] = [plans[a] as Plan, plans[b] as Plan];
  from.unit.push(`${kind}=${to.name}`);
  // A socket is ordered before its service by itself, which an order by number may contradict.
  if (random() < 0.65 && from.kind !== 'socket' && to.kind !== 'socket') {
    const [early, late] = a < b ? [from, to] : [to, from];
    late.unit.push(`After=${early.name}`);
  }
}

function filesOf({ name, kind, unit }: Plan, random: () => number): Record<string, string> {
  const head = ['[Unit]', ...unit];
  switch (kind) {
    case 'target':
      return { [name]: [...head, ''].join('\n') };
    case 'oneshot':
      return {
        [name]: [
          ...head,
          '[Service]',
          'Type=oneshot',
          'RemainAfterExit=yes',
          'ExecStart=/bin/true',
          '',
        ].join('\n'),
      };
    case 'socket': {
      const base = name.slice(0, -'.socket'.length);
      return {
        [name]: [...head, '[Socket]', `ListenStream=/run/${base}.sock`, ''].join('\n'),
        [`${base}.service`]: [
          '[Unit]',
          'StartLimitIntervalSec=0',
          '[Service]',
          'ExecStart=/bin/sleep infinity',
          '',
        ].join('\n'),
      };
    }
    case 'service':
      return { [name]: [...head, ...service(random), ''].join('\n') };
  }
}

function service(random: () => number): string[] {
  const lines = ['[Service]', 'ExecStart=/bin/sleep infinity'];
  const drawn = random();
  if (drawn < 0.25)
    lines.push(`Restart=${drawn < 0.15 ? 'always' : 'on-failure'}`, 'RestartSec=400ms');
  if (random() < 0.15) lines.push('Type=exec');
  return lines;
}
