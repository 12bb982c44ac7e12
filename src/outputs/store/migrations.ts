/**
 * The schema in PostgreSQL, one step a version; a step that was published is never changed. Everything
 * is in the schema `unitwatch`. `{{PARTITION}}` is nothing, or `PARTITION BY RANGE (time)`.
 *
 * The key is (time, id): both come with the row and never change, and a partitioned table must have
 * its partition's column in it.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE unitwatch.results (
    id uuid NOT NULL,
    time timestamptz NOT NULL,
    host text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    up boolean NOT NULL,
    reason text NOT NULL,
    duration_s double precision NOT NULL,
    phases jsonb,
    status smallint,
    outage boolean NOT NULL DEFAULT false,
    details jsonb,
    PRIMARY KEY (time, id)
  ) {{PARTITION}};
  CREATE INDEX results_name_time ON unitwatch.results (name, time);
  CREATE INDEX results_down ON unitwatch.results (time) WHERE NOT up;

  CREATE TABLE unitwatch.events (
    id uuid NOT NULL,
    time timestamptz NOT NULL,
    host text NOT NULL,
    seq bigint NOT NULL,
    event_type text NOT NULL,
    service text NOT NULL,
    severity text NOT NULL,
    message text,
    event jsonb NOT NULL,
    PRIMARY KEY (time, id)
  ) {{PARTITION}};
  CREATE INDEX events_service_time ON unitwatch.events (service, time);
  CREATE INDEX events_severe ON unitwatch.events (time) WHERE severity IN ('error', 'critical');

  CREATE VIEW unitwatch.availability_by_day AS
    SELECT date_trunc('day', time AT TIME ZONE 'UTC')::date AS day, host, name, kind,
      count(*) AS probes,
      count(*) FILTER (WHERE up) AS up,
      count(*) FILTER (WHERE outage) AS in_outage,
      round(100.0 * count(*) FILTER (WHERE up AND NOT outage)
        / nullif(count(*) FILTER (WHERE NOT outage), 0), 3) AS percent
    FROM unitwatch.results
    GROUP BY 1, 2, 3, 4;

  CREATE VIEW unitwatch.incidents AS
    SELECT host, name, kind, time AS since, ended AS until, ended - time AS lasted, reason, outage
    FROM (
      SELECT *, lead(time) OVER (PARTITION BY host, name, kind ORDER BY time, id) AS ended
      FROM (
        SELECT id, time, host, name, kind, up, reason, outage,
          lag(up) OVER (PARTITION BY host, name, kind ORDER BY time, id) AS was_up
        FROM unitwatch.results
      ) AS probes
      WHERE up IS DISTINCT FROM was_up
    ) AS changes
    WHERE NOT up;

  CREATE VIEW unitwatch.slowest AS
    SELECT host, name, kind, count(*) AS probes,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_s) AS median_s,
      percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_s) AS p99_s,
      max(duration_s) AS max_s
    FROM unitwatch.results
    WHERE time > now() - interval '1 day' AND up
    GROUP BY host, name, kind;
  `,
];

/** Tables whose rows have a time: what can be partitioned. */
export const timedTables = ['results', 'events'] as const;
