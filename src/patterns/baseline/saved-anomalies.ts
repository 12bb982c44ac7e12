import type { SavedAnomalies } from '../anomaly-contract.ts';
import { amountsOf, isAmount, isAmounts, isObject, isTimes } from '../saved.ts';
import type { SavedLives } from './lives.ts';
import type { SavedRate } from './restart-rate.ts';
import type { OpenAspect, SavedService } from './service-state.ts';
import type { Aspect } from './suspicion.ts';

/** More entries than are ever written: arrays of a file that is not ours are not walked to their end. */
const valuesMax = 1024;

/** In one piece, as a file gives it. */
interface CheckedAnomalies extends SavedAnomalies {
  readonly services: readonly SavedService[];
}

/** What can be used of a saved state, each service by itself; undefined where it is none at all. */
export function savedAnomalies(data: unknown): CheckedAnomalies | undefined {
  if (!isObject(data)) return undefined;
  const { sinceUs, services, lives } = data;
  if (!isAmount(sinceUs) || !Array.isArray(services) || !Array.isArray(lives)) return undefined;
  return {
    sinceUs,
    services: services.filter(isService),
    lives: lives.filter(isLives),
  };
}

function isService(data: unknown): data is SavedService {
  if (!isObject(data)) return false;
  const { service, sinceUs, lastStartUs, lastRestartUs, isUp, isDown, rate, starts, open } = data;
  return (
    isName(service) &&
    isAmount(sinceUs) &&
    [lastStartUs, lastRestartUs].every((time) => time === undefined || isAmount(time)) &&
    [isUp, isDown].every((flag) => flag === undefined || flag === true) &&
    (rate === undefined || isRate(rate)) &&
    (starts === undefined || isTimes(starts, valuesMax)) &&
    (open === undefined || (Array.isArray(open) && open.length > 0 && open.every(isOpenAspect)))
  );
}

function isRate(data: unknown): data is SavedRate {
  if (!isObject(data)) return false;
  const { recent, week } = data;
  const numbers = amountsOf(data, [
    'startHour',
    'hour',
    'events',
    'squares',
    'bursts',
    'exposure',
    'weekExposure',
  ]);
  if (numbers === undefined || numbers.startHour > numbers.hour) return false;
  const areWhole = Number.isInteger(numbers.startHour) && Number.isInteger(numbers.hour);
  return areWhole && isAmounts(recent, valuesMax) && isAmounts(week, valuesMax);
}

function isOpenAspect(data: unknown): data is readonly [Aspect, OpenAspect] {
  if (!Array.isArray(data) || data.length !== 2) return false;
  const [aspect, open]: readonly unknown[] = data;
  return isAspect(aspect) && isObject(open) && isAmount(open['sinceUs']) && isAmount(open['size']);
}

function isLives(data: unknown): data is SavedLives {
  if (!isObject(data)) return false;
  const { service, resource, lives, values } = data;
  const isResource = resource === 'memory' || resource === 'cpu' || resource === 'uptime';
  if (!isName(service) || !isResource || !isAmount(lives)) return false;
  // Logarithms: of a share of a CPU they are negative.
  return Array.isArray(values) && values.length <= valuesMax && values.every(Number.isFinite);
}

const aspects: Readonly<Record<Aspect, true>> = {
  restart_rate: true,
  first_restart: true,
  missed_start: true,
  memory: true,
  cpu: true,
  uptime: true,
};

function isAspect(data: unknown): data is Aspect {
  return typeof data === 'string' && Object.hasOwn(aspects, data);
}

function isName(data: unknown): data is string {
  return typeof data === 'string' && data !== '' && data.length <= valuesMax;
}
