import type { HttpOptions } from '../outputs/http.ts';
import type { Config } from './keys.ts';

/** Under which names, and how, `/metrics` and the pages are served. */
export function httpSettings({
  metrics,
  checks,
  allowed_hosts: allowedHosts,
}: Config): Pick<HttpOptions, 'allowedHosts' | 'settings'> {
  return {
    allowedHosts,
    settings: {
      nodeExporterNames: metrics.node_exporter_names,
      systemdExporterNames: metrics.systemd_exporter_names,
      processExporterNames: checks.process_exporter_names,
      compress: 'remote',
    },
  };
}
