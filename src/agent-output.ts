import { agentDraft } from './collector/tell.ts';
import type { Draft } from './model/event.ts';
import type { Output } from './outputs/output.ts';
import { outputs } from './outputs/outputs.ts';
import type { AgentOptions } from './surroundings.ts';

/** Where events are written; undefined for nowhere. @param tell hears when nobody reads any more */
export function openOutput(
  options: AgentOptions,
  tell: (draft: Draft) => void,
): Output | undefined {
  const { output, config, clock, host, bootId, log } = options;
  if (output === undefined) return undefined;
  return outputs[output.name](output.fd, {
    host,
    bootId,
    maxEvents: config.event_buffer_size,
    maxPerSecond: config.max_events_per_second,
    monotonicUs: () => clock.monotonicUs(),
    colour: output.colour,
    onClosed: (error) => {
      log.warn({ err: error.message }, 'Nobody reads the events any more; watching goes on.');
      tell(agentDraft('output_closed', 'warning', 'Standard output is closed.', clock));
    },
    onRetrying: (error) => log.warn({ err: error.message }, 'Events cannot be written; waiting.'),
    onResumed: () => log.info({}, 'Events are written again.'),
  });
}
