/**
 * The schema in PostgreSQL, one step a version; a step that was published is never changed. Everything
 * is in the schema `unitwatch`. `{{PARTITION}}` is nothing, or `PARTITION BY RANGE (time)`.
 *
 * The key is (time, id): both come with the row and never change, and a partitioned table must have
 * its partition's column in it.
 *
 * `make_partitions` makes the partition of now, the next ones, and one for everything else: no row is
 * ever refused for want of a partition. A period that already has rows in the one for everything else
 * keeps them there. It does that as the owner of the tables, so that the agent's role can have it done
 * without the right to anything else. `drop_older` is the owner's alone.
 *
 * The views look for what they want by the indexes on time, so that a restriction on `day` or `since`
 * reaches them, and the partitions.
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
  String.raw`
  CREATE FUNCTION unitwatch.make_partitions(ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
  AS $$
  DECLARE
    period text := (SELECT p.period FROM unitwatch.partitioning AS p LIMIT 1);
    parent text;
    partition text;
    low timestamptz;
    high timestamptz;
    is_taken boolean;
  BEGIN
    IF period IS NULL OR period NOT IN ('day', 'month') THEN
      RETURN;
    END IF;
    FOREACH parent IN ARRAY ARRAY['results', 'events'] LOOP
      IF to_regclass('unitwatch.' || parent || '_rest') IS NULL THEN
        EXECUTE format('CREATE TABLE unitwatch.%I PARTITION OF unitwatch.%I DEFAULT',
          parent || '_rest', parent);
        RETURN NEXT parent || '_rest';
      END IF;
      FOR n IN 0..least(ahead, 31) LOOP
        low := date_trunc(period, now()) + n * ('1 ' || period)::interval;
        high := low + ('1 ' || period)::interval;
        partition := parent || to_char(low, CASE period WHEN 'day' THEN '_YYYYMMDD' ELSE '_YYYYMM' END);
        CONTINUE WHEN to_regclass('unitwatch.' || partition) IS NOT NULL;
        EXECUTE format('SELECT EXISTS (SELECT FROM unitwatch.%I WHERE time >= $1 AND time < $2)',
          parent || '_rest') INTO is_taken USING low, high;
        CONTINUE WHEN is_taken;
        EXECUTE format('CREATE TABLE unitwatch.%I PARTITION OF unitwatch.%I FOR VALUES FROM (%L) TO (%L)',
          partition, parent, low, high);
        RETURN NEXT partition;
      END LOOP;
    END LOOP;
  END $$;
  REVOKE ALL ON FUNCTION unitwatch.make_partitions(integer) FROM PUBLIC;

  CREATE FUNCTION unitwatch.drop_older(age interval) RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
  AS $$
  DECLARE
    until timestamptz := now() - age;
    parent text;
    partition text;
    digits text;
  BEGIN
    FOREACH parent IN ARRAY ARRAY['results', 'events'] LOOP
      FOR partition, digits IN
        SELECT c.relname, substring(c.relname FROM '_(\d{6,8})$') FROM pg_inherits AS i
          JOIN pg_class AS c ON c.oid = i.inhrelid
          WHERE i.inhparent = ('unitwatch.' || parent)::regclass AND c.relname ~ '_(\d{6}|\d{8})$'
          ORDER BY 1
      LOOP
        CONTINUE WHEN until < CASE length(digits)
          WHEN 8 THEN to_date(digits, 'YYYYMMDD') + interval '1 day'
          ELSE to_date(digits, 'YYYYMM') + interval '1 month' END;
        EXECUTE format('DROP TABLE unitwatch.%I', partition);
        RETURN NEXT partition;
      END LOOP;
      IF to_regclass('unitwatch.' || parent || '_rest') IS NULL THEN
        EXECUTE format('DELETE FROM unitwatch.%I WHERE time < $1', parent) USING until;
      ELSE
        EXECUTE format('DELETE FROM unitwatch.%I WHERE time < $1', parent || '_rest') USING until;
      END IF;
    END LOOP;
  END $$;
  REVOKE ALL ON FUNCTION unitwatch.drop_older(interval) FROM PUBLIC;

  CREATE OR REPLACE VIEW unitwatch.availability_by_day AS
    WITH RECURSIVE days AS (
      SELECT (min(time) AT TIME ZONE 'UTC')::date AS day FROM unitwatch.results
      UNION ALL
      SELECT (SELECT (min(time) AT TIME ZONE 'UTC')::date FROM unitwatch.results
        WHERE time >= (days.day + 1)::timestamp AT TIME ZONE 'UTC')
      FROM days WHERE days.day IS NOT NULL
    )
    SELECT days.day, per.host, per.name, per.kind, per.probes, per.up, per.in_outage, per.percent
    FROM days CROSS JOIN LATERAL (
      SELECT host, name, kind,
        count(*) AS probes,
        count(*) FILTER (WHERE results.up) AS up,
        count(*) FILTER (WHERE outage) AS in_outage,
        round(100.0 * count(*) FILTER (WHERE results.up AND NOT outage)
          / nullif(count(*) FILTER (WHERE NOT outage), 0), 3) AS percent
      FROM unitwatch.results
      WHERE time >= days.day::timestamp AT TIME ZONE 'UTC'
        AND time < (days.day + 1)::timestamp AT TIME ZONE 'UTC'
      GROUP BY host, name, kind
    ) AS per;

  CREATE OR REPLACE VIEW unitwatch.incidents AS
    SELECT down.host, down.name, down.kind, down.time AS since, ended.time AS until,
      ended.time - down.time AS lasted, down.reason, down.outage
    FROM unitwatch.results AS down
    LEFT JOIN LATERAL (
      SELECT r.up FROM unitwatch.results AS r
      WHERE r.name = down.name AND r.host = down.host AND r.kind = down.kind
        AND r.time < down.time
      ORDER BY r.time DESC LIMIT 1
    ) AS before ON true
    LEFT JOIN LATERAL (
      SELECT r.time FROM unitwatch.results AS r
      WHERE r.name = down.name AND r.host = down.host AND r.kind = down.kind AND r.up
        AND r.time > down.time
      ORDER BY r.time LIMIT 1
    ) AS ended ON true
    WHERE NOT down.up AND before.up IS NOT FALSE;
  `,
];
