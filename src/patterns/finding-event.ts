import type { Draft } from '../model/event.ts';
import type { Finding } from '../model/finding.ts';
import { rfc3339 } from '../model/time.ts';

/** The event that tells a finding. */
export function findingEvent(finding: Finding): Draft {
  return {
    time: rfc3339(finding.timeUs),
    service: finding.service,
    event_type: finding.pattern,
    severity: finding.severity,
    message: `${finding.service}: ${finding.sentence}`,
    data: { phase: finding.phase, finding_id: finding.id, evidence: finding.evidence },
  };
}
