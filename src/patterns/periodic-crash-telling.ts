import type { LocalTime } from '../model/local-time.ts';
import { type DurationUs, humanDuration, type RealtimeUs } from '../model/time.ts';
import type { Telling } from './detector.ts';
import type { Cluster } from './hour-cluster.ts';
import type { Period } from './period-search.ts';
import type { Timetable } from './periodic-crash-state.ts';

const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const dayUs: DurationUs = 86_400e6;

export function tellTimetable(
  timetable: Timetable,
  local: (timeUs: RealtimeUs) => LocalTime,
  timeZone: string,
): Telling {
  const { period, cluster, link } = timetable;
  const parts = [
    period && periodSentence(period, local, timeZone),
    cluster && clusterSentence(cluster, timeZone),
    link &&
      `${link.timer} fired ${humanDuration(link.lagUs)} before, ${link.hits} of ${link.crashes} times`,
  ];
  return {
    severity: 'warning',
    sentence: `crashes keep a timetable: ${parts.filter((part) => part !== undefined).join('; ')}`,
    evidence: {
      kind: timetable.kind,
      episodes: timetable.episodes,
      ...(period && periodEvidence(period)),
      ...(cluster && clusterEvidence(cluster)),
      ...(link && {
        timer: link.timer,
        timer_unit: link.unit,
        timer_lag_s: link.lagUs / 1e6,
        timer_hits: link.hits,
        timer_significance: link.chance,
      }),
      significance: (period ?? cluster ?? link)?.chance ?? 1,
      time_zone: timeZone,
    },
  };
}

export function tellTimetableEnd(
  timetable: Timetable,
  how: 'silent' | 'irregular',
  silentUs: DurationUs,
): Telling {
  return {
    severity: 'info',
    sentence:
      how === 'silent'
        ? `has not crashed for ${humanDuration(Math.max(0, silentUs))}, though its timetable said so`
        : 'still crashes, but no longer keeps its timetable',
    evidence: {
      kind: timetable.kind,
      episodes: timetable.episodes,
      silent_s: Math.max(0, silentUs) / 1e6,
      cleared_by: how,
    },
  };
}

function periodEvidence(period: Period): Telling['evidence'] {
  return {
    period_s: period.periodUs / 1e6,
    jitter_s: Math.round(period.errorUs) / 1e6,
    tolerance_s: period.toleranceUs / 1e6,
    clock: period.clock,
    on_time: period.onTime,
    of_episodes: period.episodes,
    cycles: period.cycles,
  };
}

function clusterEvidence(cluster: Cluster): Telling['evidence'] {
  const { from, to, inside, days } = cluster;
  return cluster.kind === 'hours'
    ? { from_hour: from, to_hour: to, days_inside: inside, days }
    : { from_weekday: weekday(from), to_weekday: weekday(to + 6), days_inside: inside, days };
}

function periodSentence(
  period: Period,
  local: (timeUs: RealtimeUs) => LocalTime,
  timeZone: string,
): string {
  const how = `${period.onTime} of ${period.episodes} on time`;
  const days = period.periodUs / dayUs;
  // A day to the minute is a clock on the wall, also while few episodes cannot tell yet.
  if (Math.abs(days - Math.round(days)) > 0.01 || days < 0.9) {
    return period.clock === 'delay'
      ? `about ${humanDuration(period.periodUs)} after the one before (${how})`
      : `every ${humanDuration(period.periodUs)} (${how})`;
  }
  const at = local(period.anchorUs);
  const each =
    Math.round(days) === 7
      ? `every ${weekday(at.weekday)}`
      : Math.round(days) === 1
        ? 'every day'
        : `every ${Math.round(days)} days`;
  return `${each} at about ${clockTime(at.hour)} ${timeZone} (${how})`;
}

function clusterSentence(cluster: Cluster, timeZone: string): string {
  const { from, to, inside, days } = cluster;
  if (cluster.kind === 'hours') {
    return `between ${clockTime(from)} and ${clockTime(to)} ${timeZone} on ${inside} of ${days} days`;
  }
  const last = weekday(to + 6);
  const span = last === weekday(from) ? `on a ${last}` : `from ${weekday(from)} to ${last}`;
  return `${span} on ${inside} of ${days} days (${timeZone})`;
}

function weekday(index: number): string {
  return dayNames[((index % 7) + 7) % 7] ?? '';
}

function clockTime(hour: number): string {
  const minutes = Math.floor(hour * 60);
  return `${String(Math.floor(minutes / 60) % 24).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}
