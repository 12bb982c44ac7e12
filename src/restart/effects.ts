import type { Effects } from './contract.ts';
import { checkHealth } from './health.ts';
import {
  ok,
  resolveStrategy,
  restartByCommand,
  runCommand,
  type StrategyTools,
} from './strategies.ts';
import { restartProcesses } from './strategies-process.ts';
import { restartUnit } from './strategies-service.ts';

/** What repairs really do on this host. `tools.commands` is closed by whoever made it. */
export function hostEffects(tools: StrategyTools): Effects {
  return {
    resolve: (process, settings) => resolveStrategy(process, settings, tools.units),
    preRestart: async (_process, settings) => {
      const { preRestartCommand: command } = settings;
      return command === undefined
        ? ok
        : runCommand('pre_restart_command', command, settings, tools.commands);
    },
    restart: async (process, strategy, settings) => {
      switch (strategy) {
        case 'service':
          return restartUnit(process, settings, tools);
        case 'process':
          return restartProcesses(process, settings, tools);
        case 'custom':
          return restartByCommand(settings, tools.commands);
      }
    },
    health: async (process, settings) => {
      const strategy = await resolveStrategy(process, settings, tools.units);
      return checkHealth(process, strategy, settings, tools);
    },
  };
}
