/** Counters (FUNNEL-1). */
export const sql = (schema: string) => /* sql */ `
-- As the counts of tags: each append adds a row for each version of a campaign that it touches, with its differences
-- {"<key>": <difference>}, and now and then one of them sums up those that are there. So no append waits for another.
CREATE TABLE ${schema}.counters (
  version  integer NOT NULL,
  campaign text    COLLATE "C" NOT NULL,
  counts   jsonb   NOT NULL,
  entry    bigint  GENERATED ALWAYS AS IDENTITY
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX counters_of_campaign ON ${schema}.counters (campaign, version);

CREATE TABLE ${schema}.counters_state (
  one      integer PRIMARY KEY CHECK (one = 1),
  -- How often they were corrected, or found to lack something.
  revision integer NOT NULL,
  -- Whether every event is counted.
  complete boolean NOT NULL
);

INSERT INTO ${schema}.counters_state (one, revision, complete)
VALUES (1, 0, true);

-- Sums up the rows of one version of a campaign that nobody holds.
CREATE FUNCTION ${schema}.sum_counters(of_campaign text, of_version integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
BEGIN
  -- Elsewhere than in READ COMMITTED, rows that others have summed up would be an error.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RETURN;
  END IF;
  WITH gone AS (
    DELETE FROM ${schema}.counters c WHERE c.ctid = ANY (ARRAY(
      SELECT s.ctid FROM ${schema}.counters s
      WHERE s.campaign = of_campaign AND s.version = of_version FOR UPDATE SKIP LOCKED
    )) RETURNING c.counts
  ), summed AS (
    SELECT e.key, sum(e.value::bigint) AS count FROM gone g CROSS JOIN LATERAL jsonb_each_text(g.counts) e
    GROUP BY e.key HAVING sum(e.value::bigint) <> 0
  )
  INSERT INTO ${schema}.counters (campaign, version, counts)
  SELECT of_campaign, of_version, jsonb_object_agg(s.key, s.count) FROM summed s HAVING count(*) > 0;
END
$enfold$;

-- How many such rows may stand apart: the more keys they have, the fewer, so that a question reads some thousands of
-- keys at most. A batch of 500 orders may have hundreds.
CREATE FUNCTION ${schema}.counters_apart(keys integer) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $enfold$
  SELECT greatest(1, 256 / (1 + keys / 8))::bigint
$enfold$;

-- Counts what appends have changed. In: the outcomes that append answered, and for each append its changes (NULL: none)
-- as [[campaign, version, {"<key>": difference}], ...], of which those that were not written now are passed over.
CREATE FUNCTION ${schema}.count_appended(outcomes text, changes text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off
AS $enfold$
DECLARE
  one record;
BEGIN
  -- One append, as most commands have: nothing is to be added up.
  IF cardinality(changes) = 1 THEN
    IF outcomes <> 'a' OR changes[1] IS NULL THEN
      RETURN;
    END IF;
    FOR one IN
      INSERT INTO ${schema}.counters (campaign, version, counts)
      SELECT c ->> 0, (c ->> 1)::integer, c -> 2 FROM jsonb_array_elements(changes[1]::jsonb) c
      RETURNING campaign, version, entry, counts
    LOOP
      IF one.entry % ${schema}.counters_apart((SELECT count(*) FROM jsonb_object_keys(one.counts))::integer) = 0 THEN
        PERFORM ${schema}.sum_counters(one.campaign, one.version);
      END IF;
    END LOOP;
    RETURN;
  END IF;
  FOR one IN
    WITH summed AS (
      SELECT c ->> 0 AS campaign, (c ->> 1)::integer AS version, e.key, sum(e.value::bigint) AS count
      FROM unnest(changes, string_to_array(outcomes, ',')) AS o (changed, outcome)
      CROSS JOIN LATERAL jsonb_array_elements(o.changed::jsonb) c CROSS JOIN LATERAL jsonb_each_text(c -> 2) e
      WHERE o.outcome = 'a' GROUP BY 1, 2, 3 HAVING sum(e.value::bigint) <> 0
    )
    INSERT INTO ${schema}.counters (campaign, version, counts)
    SELECT s.campaign, s.version, jsonb_object_agg(s.key, s.count) FROM summed s GROUP BY s.campaign, s.version
    RETURNING campaign, version, entry, counts
  LOOP
    IF one.entry % ${schema}.counters_apart((SELECT count(*) FROM jsonb_object_keys(one.counts))::integer) = 0 THEN
      PERFORM ${schema}.sum_counters(one.campaign, one.version);
    END IF;
  END LOOP;
END
$enfold$;

-- For logs kept elsewhere: counts what a batch has changed, if the checkpoint is still the one that the batch follows;

-- else false. NULL: the batch counts nothing. Only the transaction that holds the checkpoint moves it.
CREATE FUNCTION ${schema}.count_batch(since bigint, changes text, is_complete boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $enfold$
BEGIN
  IF since IS NULL THEN
    RETURN true;
  END IF;
  IF since <> (SELECT c.position FROM ${schema}.checkpoint c FOR UPDATE) THEN
    RETURN false;
  END IF;
  PERFORM ${schema}.count_appended('a', ARRAY[changes]);
  IF NOT is_complete THEN
    UPDATE ${schema}.counters_state SET revision = revision + 1, complete = false;
  END IF;
  RETURN true;
END
$enfold$;

-- Adds what was found to be missing, if nobody has corrected the counters since.
CREATE FUNCTION ${schema}.correct_counters(changes text, of_revision integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $enfold$
BEGIN
  UPDATE ${schema}.counters_state SET revision = revision + 1, complete = true WHERE revision = of_revision;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM ${schema}.count_appended('a', ARRAY[changes]);
  RETURN true;
END
$enfold$;

-- All counters, and which events they count: every one up to the position of the row "state", and of the streams that
-- are named those up to a version. As in read_events, a transaction that may yet commit a number up to the last one drawn is still
-- announced, or has committed before the second statement looks. That statement alone sees counters and events, because
-- each has an instant of its own.
CREATE FUNCTION ${schema}.counters_at()
RETURNS TABLE (what text, id text, version integer, counts text, revision integer, complete boolean, "position" bigint)
LANGUAGE plpgsql VOLATILE ROWS 100
SET jit = off
AS $enfold$
DECLARE
  last bigint;
  safe bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'the log must be read in READ COMMITTED' USING ERRCODE = 'EF002';
  END IF;
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'what announces an append is not replicated' USING ERRCODE = 'EF003';
  END IF;
  last := (SELECT p.last_value FROM ${schema}.positions p);
  SELECT least(last, min(last + CASE WHEN ahead >= 2147483648 THEN ahead - 4294967296 ELSE ahead END)) INTO safe
  FROM (
    SELECT (l.objid::bigint - (last & 4294967295) + 4294967296) % 4294967296 AS ahead FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 2
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.classid = ${schema}.lock_class(false)::oid
  ) announced;
  RETURN QUERY
    SELECT 'counters', c.campaign::text, c.version, c.counts::text, NULL::integer, NULL::boolean, NULL::bigint
    FROM ${schema}.counters c
    UNION ALL
    SELECT 'ahead', e.stream::text, max(e.version), NULL, NULL, NULL, NULL FROM ${schema}.events e
    WHERE e.position > safe AND e.stream || '' >= 'contact-' AND e.stream || '' < 'contact.' GROUP BY e.stream
    UNION ALL
    SELECT 'state', NULL, NULL, NULL, s.revision, s.complete,
      CASE WHEN EXISTS (SELECT FROM ${schema}.events) THEN safe ELSE (SELECT c.position FROM ${schema}.checkpoint c) END
    FROM ${schema}.counters_state s;
END
$enfold$;
`
