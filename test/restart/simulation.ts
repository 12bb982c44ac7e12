import { SimulatedAgent } from './simulated-agent.ts';
import {
  type FakeRow,
  type FakeUnit,
  hour,
  isDeaf,
  minute,
  plain,
  second,
  World,
} from './simulated-world.ts';

export interface Result {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly figures: Figures;
}

/** How much of everything a run has met: a simulation that meets nothing proves nothing. */
export interface Figures {
  restarts: number;
  settled: number;
  givenUp: number;
  kills: number;
  circuits: number;
  lost: number;
  resumed: number;
  /** Repairs that waited for their finding to be cleared, and what checks asked for in vain. */
  proofs: number;
  deaf: number;
}

/** One run of the simulation; the same seed gives the same run. */
export function simulate(seed: number, traced = false): Result {
  const world = new World(seed, traced);
  const readOnly = world.chance(0.2);
  const agentCount = !readOnly && world.chance(0.25) ? 2 : 1;
  makeUnits(world, agentCount);
  const budget = { perHour: world.pick(6, 20), atOnce: world.pick(1, 4) };
  const agents: SimulatedAgent[] = [];
  for (let i = 0; i < agentCount; i++)
    agents.push(new SimulatedAgent(world, { readOnly, budget, name: i }));
  for (const agent of agents) agent.start();
  for (const [i] of world.rows.entries()) monitor(world, i, readOnly);
  if (agentCount === 1) for (const unit of world.units) detector(world, unit, agents);
  trouble(world, agents);
  run(world, agents, world.nowUs + world.between(15 * minute, 60 * minute));
  world.say(() => 'the faults are over');
  world.quiet = true;
  world.databaseUp = true;
  for (const unit of world.units) unit.deathsLeft = 0;
  for (const agent of agents) agent.start();
  run(world, agents, world.nowUs + 2.5 * hour);
  // A breaker and a small budget may take long.
  if (world.rows.some((row) => isComplainedOf(world, row)))
    run(world, agents, world.nowUs + 4 * hour);
  for (const row of world.rows) judgeEnd(world, row, agents, readOnly);
  for (const unit of world.units) judgeFacts(world, unit, agents, readOnly);
  for (const agent of agents) agent.judgeEnd();
  const figures = figuresOf(agents);
  return { seed, violations: world.violations, trace: world.trace ?? [], figures };
}

function figuresOf(agents: readonly SimulatedAgent[]): Figures {
  const figures: Figures = {
    ...{ restarts: 0, settled: 0, givenUp: 0, kills: 0, circuits: 0, lost: 0, resumed: 0 },
    ...{ proofs: 0, deaf: 0 },
  };
  for (const agent of agents) {
    for (const name of Object.keys(figures) as (keyof Figures)[])
      figures[name] += agent.figures[name];
  }
  return figures;
}

/** Its row is in alarm or its check is down, and it is not well. */
function isComplainedOf(world: World, { alarm, unit: index }: FakeRow): boolean {
  const unit = world.units[index];
  if (unit === undefined || (world.isWell(index) && !isDeaf(world, unit))) return false;
  return alarm || unit.checked;
}

function run(world: World, agents: readonly SimulatedAgent[], endUs: number): void {
  // A run that does so much has an engine that goes round in circles.
  for (let steps = 0; world.step(endUs); steps++) {
    if (steps > 60_000) {
      world.violated('the engine never rests');
      return;
    }
    if (world.violations.length > 0) return;
    for (const agent of agents) agent.pump();
  }
}

function makeUnits(world: World, agents: number): void {
  const count = world.pick(1, 5);
  for (let i = 0; i < count; i++) {
    const unit = makeUnit(world, i, agents);
    world.units.push(unit);
    // Two rows that mean one unit: claims are by row, so only where one agent is at work.
    const names = agents === 1 && world.chance(0.2) ? [unit.name, `alias${i}`] : [unit.name];
    for (const [r, process] of names.entries()) {
      const id = `mysql:${i * 10 + r}`;
      const times = { raisedUs: 0, settledUs: 0, goneUs: 0 };
      world.rows.push({ id, process, unit: i, alarm: false, ...times, claim: undefined });
    }
  }
}

function makeUnit(world: World, i: number, agents: number): FakeUnit {
  const dead = world.chance(0.15);
  return {
    name: `unit${i}.service`,
    settings: {
      ...plain,
      strategy: world.chance(0.5) ? 'auto' : 'service',
      preRestartCommand: world.chance(0.2) ? ['/bin/true'] : undefined,
      healthRetries: world.pick(1, 3),
      maxAttempts: world.pick(1, 4),
      maxRestartFailures: world.pick(1, 3),
      jitter: world.chance(0.5) ? 0.3 : 0,
      useBackoff: world.chance(0.8),
    },
    needs: i > 0 && world.chance(0.3) ? world.pick(0, i - 1) : -1,
    up: true,
    restartsLeft: dead ? Number.POSITIVE_INFINITY : 0,
    deathsLeft: world.pick(1, 3),
    byHand: false,
    checked: agents === 1 && world.chance(0.3),
    deafLeft: 0,
    finding: 0,
    findingUs: 0,
    factUs: Number.NEGATIVE_INFINITY,
    autoRestart: false,
    restarting: [],
  };
}

/** The script that raises alarms: it looks at its unit, and now and then it is wrong. */
function monitor(world: World, index: number, readOnly: boolean): void {
  const row = world.rows[index] as FakeRow;
  const look = () => {
    const well = world.isWell(row.unit);
    if (!row.alarm && !well && !world.units[row.unit]?.byHand) raise(world, row);
    else if (!row.alarm && !world.quiet && world.chance(0.03)) raise(world, row);
    else if (row.alarm && (readOnly ? well : !world.quiet && world.chance(0.03))) clear(world, row);
    world.in(world.between(20 * second, 2 * minute), look);
  };
  world.in(world.between(0, minute), look);
}

function raise(world: World, row: FakeRow): void {
  row.alarm = true;
  row.raisedUs = world.nowUs;
  world.say(() => `row ${row.id} (${row.process}) is raised`);
}

function clear(world: World, row: FakeRow): void {
  row.alarm = false;
  world.say(() => `row ${row.id} (${row.process}) is cleared by its script`);
}

/** Ends a finding when its unit has run for a while, as a crash loop's does. */
function detector(world: World, unit: FakeUnit, agents: readonly SimulatedAgent[]): void {
  let upSinceUs = world.nowUs;
  const look = () => {
    if (!unit.up) upSinceUs = world.nowUs;
    const isOver = world.nowUs >= upSinceUs + 3 * minute || unit.byHand;
    if (unit.finding > 0 && isOver) {
      unit.finding = 0;
      world.say(() => `the finding of ${unit.name} is cleared`);
      for (const agent of agents) agent.findings();
    }
    world.in(20 * second, look);
  };
  look();
}

/** It went down by itself: perhaps too often by now. */
function crashed(world: World, agents: readonly SimulatedAgent[], unit: FakeUnit): void {
  if (agents.length > 1) return;
  if (unit.finding > 0) unit.factUs = world.nowUs;
  else if (world.chance(0.3)) {
    unit.finding = world.newFinding();
    unit.findingUs = world.nowUs;
    unit.factUs = world.nowUs;
    world.say(() => `finding ${unit.finding} of ${unit.name} is opened`);
  }
  for (const agent of agents) {
    agent.fell(unit.name);
    agent.findings();
  }
}

/** What goes wrong, until it is quiet. */
function trouble(world: World, agents: readonly SimulatedAgent[]): void {
  const often = (lowUs: number, highUs: number, happen: () => void) => {
    const again = () => {
      if (world.quiet) return;
      happen();
      world.in(world.between(lowUs, highUs), again);
    };
    world.in(world.between(0, highUs), again);
  };
  for (const [i, unit] of world.units.entries())
    often(2 * minute, 20 * minute, () => die(world, agents, unit, i));
  const kind = world.pick(0, 7);
  if ((kind & 1) === 1) {
    often(10 * minute, 40 * minute, () => {
      world.databaseUp = false;
      world.say(() => 'the database is down');
      world.in(world.between(second, 15 * minute), () => {
        world.databaseUp = true;
        world.say(() => 'the database is back');
      });
    });
  }
  if ((kind & 2) === 2) {
    often(minute, 20 * minute, () => {
      const agent = agents[world.pick(0, agents.length - 1)];
      agent?.kill('somebody killed it');
    });
  }
  if ((kind & 4) === 4) {
    often(5 * minute, 30 * minute, () => {
      world.wallOffsetUs += world.between(-48 * hour, 48 * hour);
      world.say(() => 'the wall clock is set');
    });
  }
}

function die(world: World, agents: readonly SimulatedAgent[], unit: FakeUnit, index: number): void {
  if (!unit.up || unit.deathsLeft <= 0 || unit.restarting.some((r) => r.untilUs > world.nowUs))
    return;
  unit.deathsLeft -= 1;
  unit.up = false;
  const tell = (fact: 'up' | 'down' | 'auto_restart' | 'stopped_by_hand') => {
    for (const agent of agents) agent.unit(unit.name, fact);
  };
  const how = world.random();
  if (how < 0.1) {
    unit.byHand = true;
    world.say(() => `${unit.name} is stopped by hand`);
    tell('stopped_by_hand');
    world.in(world.between(5 * minute, 30 * minute), () => {
      unit.byHand = false;
      unit.up = unit.restartsLeft === 0;
      world.say(() => `${unit.name} is started by hand`);
      tell(unit.up ? 'up' : 'down');
      for (const agent of agents) agent.unit(unit.name, 'starting');
    });
  } else if (how < 0.3) {
    unit.autoRestart = true;
    world.say(() => `${unit.name} died, systemd will restart it`);
    tell('auto_restart');
    crashed(world, agents, unit);
    world.in(world.between(second, 2 * minute), () => {
      unit.autoRestart = false;
      unit.up = !unit.byHand && world.chance(0.7);
      if (!unit.up && unit.restartsLeft === 0) unit.restartsLeft = 1;
      world.say(() => `${unit.name} was restarted by systemd: ${unit.up ? 'up' : 'down'}`);
      tell(unit.up ? 'up' : 'down');
    });
  } else {
    if (unit.restartsLeft === 0) unit.restartsLeft = world.pick(1, 4);
    if (world.chance(0.3)) unit.deafLeft = world.chance(0.1) ? Infinity : world.pick(1, 5);
    world.say(() => `${unit.name} (${index}) died`);
    tell('down');
    crashed(world, agents, unit);
  }
}

/** Nothing is lost: what can be repaired was, and what was not waits with a reason. */
function judgeEnd(
  world: World,
  row: FakeRow,
  agents: readonly SimulatedAgent[],
  readOnly: boolean,
): void {
  if (!row.alarm || world.violations.length > 0) return;
  // Sources are asked every five minutes by then: what came after that nobody can know.
  if (world.nowUs - row.raisedUs < 6 * minute) return;
  // A row that cannot be cleared stays settled until somebody has seen it gone: whether it was
  // raised anew between two looks, nobody can know.
  if (readOnly && row.settledUs > row.goneUs) return;
  const reasons = agents.flatMap((agent) => agent.waitOf(world.units[row.unit]?.name ?? ''));
  if (!agents.some((agent) => agent.knows(row))) {
    world.violated(`${row.id} stands and no agent knows it`);
    return;
  }
  const isDeafHere = isDeaf(world, world.units[row.unit] as FakeUnit);
  if (world.isWell(row.unit) && !isDeafHere && !reasons.includes('dependency')) {
    world.violated(`${row.id} stands, though its unit is well`);
    return;
  }
  const waitsForBudget = reasons.includes('budget') || reasons.includes('dependency');
  if (waitsForBudget && agents.some((agent) => agent.isSpent)) return;
  if (!canBecomeWell(world, row.unit, readOnly) && reasons.length > 0) return;
  world.violated(
    `${row.id} stands, its unit could be well, and it ${reasons.join(', ') || 'does not wait'}`,
  );
}

/** What a check complains about was repaired, or is tried again and again. */
function judgeFacts(
  world: World,
  unit: FakeUnit,
  agents: readonly SimulatedAgent[],
  readOnly: boolean,
): void {
  if (!isDeaf(world, unit) || world.violations.length > 0) return;
  const reasons = agents.flatMap((agent) => agent.waitOf(unit.name));
  if (reasons.length === 0) {
    world.violated(`the check of ${unit.name} is down, and nobody repairs it`);
    return;
  }
  const waitsForBudget = reasons.includes('budget') || reasons.includes('dependency');
  if (waitsForBudget && agents.some((agent) => agent.isSpent)) return;
  if (unit.deafLeft < Infinity && canBecomeWell(world, world.units.indexOf(unit), readOnly))
    world.violated(`the check of ${unit.name} is down, and it could be well: ${reasons}`);
}

function canBecomeWell(world: World, index: number, readOnly: boolean): boolean {
  const unit = world.units[index];
  if (unit === undefined) return true;
  if (unit.restartsLeft === Number.POSITIVE_INFINITY || unit.byHand) return false;
  if (unit.checked && unit.deafLeft === Number.POSITIVE_INFINITY) return false;
  const rows = world.rows.filter((row) => row.unit === index);
  const asks = rows.some((row) => row.alarm && !(readOnly && row.settledUs > row.goneUs));
  if (!unit.up && !asks && !unit.checked) return false;
  return unit.needs < 0 || canBecomeWell(world, unit.needs, readOnly);
}
