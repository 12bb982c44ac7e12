import { defaultSettings, type PatternSettings } from '../patterns/settings.ts';
import type { Config } from './keys.ts';

/** What the configuration says to the detectors. */
export function patternSettings(config: Config, timeZone: string): PatternSettings {
  return {
    ...defaultSettings,
    ...loopSettings(config),
    baselinePeriodUs: config.baseline_period * 1_000,
    timeZone,
  };
}

/** What a reload may change. */
export function loopSettings(
  config: Config,
): Pick<PatternSettings, 'restartThreshold' | 'restartWindowUs'> {
  return {
    restartThreshold: config.restart_threshold,
    restartWindowUs: config.restart_window * 1_000,
  };
}
