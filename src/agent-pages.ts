import type { Checked } from './checked.ts';
import type { Watch } from './collector/watch.ts';
import type { ControlTools } from './control.ts';
import type { Dependencies } from './dependencies.ts';
import type { Draft } from './model/event.ts';
import type { RepairView } from './model/status.ts';
import type { AgentView } from './model/view.ts';
import { Pages } from './pages.ts';
import type { AgentOptions } from './surroundings.ts';

export interface AgentPagesParts {
  readonly options: AgentOptions;
  readonly view: AgentView;
  readonly watch: Watch;
  readonly checked: Checked;
  readonly dependencies: Dependencies;
  readonly repairs: () => readonly RepairView[];
  /** SIGTERM to SIGKILL of a component without a stop command. */
  readonly graceMs: () => number;
  readonly onDraft: (draft: Draft) => void;
}

/** The status page of a running agent, and what can be started and stopped on it. */
export function agentPages(parts: AgentPagesParts): Pages {
  const { options, view, watch, checked, dependencies, graceMs, onDraft } = parts;
  const { checking } = checked;
  const { host, clock, uid, env, config } = options;
  const tools: ControlTools = {
    ...{ clock, uid, env, graceMs, onDraft },
    units: async () => watch,
    checks: () => checking.processes,
    impact: async (unit, on) => dependencies.impact(unit, on),
  };
  return new Pages({
    ...{ host, clock, view },
    control: async () => new (await import('./control.ts')).Control(tools),
    checks: () => checked.checks(),
    token: config.page.token?.reveal(),
    unit: (name) => watch.follower.table.get(name),
    repairs: parts.repairs,
    outages: () => checked.outages(),
    picture: (asked) => dependencies.picture(asked, checking.components()),
    refresh: async () => {
      await Promise.all([watch.reconcile(), checked.now()]);
    },
  });
}
