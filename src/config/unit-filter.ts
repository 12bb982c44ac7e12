import { type Filter, unitFilter } from '../collector/filter.ts';
import type { Config } from './keys.ts';

/** Which units a configuration has followed. @param more names that are followed as well */
export function filterOf(config: Config, more: readonly string[] = []): Filter {
  return unitFilter({
    monitorAll: config.monitor_all_services ?? config.service_whitelist.length === 0,
    whitelist: [...config.service_whitelist, ...more],
    blacklist: config.service_blacklist,
    containersOnly: config.container_runtime_filter,
    unitTypes: config.unit_types,
  });
}
