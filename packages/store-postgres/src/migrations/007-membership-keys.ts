/**
 * Keys of memberships: one contact may be in a sequence several times, once for each key (KEY-4). Who has a tag without a key
 * has one row as before, and what is written of such contacts is written by the same statements.
 */
export const sql = (schema: string) => /* sql */ `
-- Of contacts that have a tag for a key other than '': all its keys, '' too.
CREATE TABLE ${schema}.membership_keys (
  tag     integer NOT NULL,
  contact text    COLLATE "C" NOT NULL,
  key     text    COLLATE "C" NOT NULL,
  PRIMARY KEY (tag, contact, key)
);
-- Whether any contact ever had the tag for a key.
ALTER TABLE ${schema}.tags ADD COLUMN keyed boolean NOT NULL DEFAULT false;
-- How many more memberships than contacts.
ALTER TABLE ${schema}.tag_counts ADD COLUMN more bigint NOT NULL DEFAULT 0;
DROP INDEX ${schema}.tag_counts_of_tag;
CREATE INDEX tag_counts_of_tag ON ${schema}.tag_counts (tag) INCLUDE (members, more);

-- Those that take keys, too, have another signature: made again.
DROP FUNCTION ${schema}.project(text[], integer[], bigint[], text[], text[], text[], boolean[], integer[], text[], boolean[]);
DROP FUNCTION ${schema}.append(text[], integer[], integer[], text[], text[], text[], text[], bigint[], text[], text[], text[], boolean[], integer[], text[], boolean[]);
DROP FUNCTION ${schema}.append_around_locks(text[], integer[], integer[], text[], text[], text[], text[], bigint[], text[], text[], text[], boolean[], integer[], text[], boolean[]);
DROP FUNCTION ${schema}.apply(text[], integer[], bigint[], text[], text[], text[], boolean[], integer[], text[], boolean[], bigint);
DROP FUNCTION ${schema}.restore(text, integer, bigint, text, text, text, text[]);

-- Sets whether a contact has a tag for a key. Who calls it has the contact's row of the agenda. True: it is time to sum up
-- counts.
CREATE FUNCTION ${schema}.project_key(of_tag integer, of_contact text, of_key text, is_added boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  before text[] := ARRAY(
    SELECT coalesce(k.key, '') FROM ${schema}.memberships m
    LEFT JOIN ${schema}.membership_keys k ON k.tag = m.tag AND k.contact = m.contact
    WHERE m.tag = of_tag AND m.contact = of_contact
  );
  result text[] := array_remove(before, of_key);
  kept   text[];
  number bigint;
BEGIN
  IF is_added THEN
    result := result || of_key;
  END IF;
  IF cardinality(result) = cardinality(before) THEN
    RETURN false;
  END IF;
  IF cardinality(before) = 0 THEN
    INSERT INTO ${schema}.memberships (tag, contact) VALUES (of_tag, of_contact);
  ELSIF cardinality(result) = 0 THEN
    DELETE FROM ${schema}.memberships m WHERE m.tag = of_tag AND m.contact = of_contact;
  END IF;
  -- Without a key alone, it needs no row.
  kept := CASE WHEN '' <> ANY (result) THEN result ELSE ARRAY[]::text[] END;
  DELETE FROM ${schema}.membership_keys k WHERE k.tag = of_tag AND k.contact = of_contact AND k.key <> ALL (kept);
  INSERT INTO ${schema}.membership_keys (tag, contact, key) SELECT of_tag, of_contact, k FROM unnest(kept) k
  ON CONFLICT DO NOTHING;
  INSERT INTO ${schema}.tag_counts (tag, members, more) VALUES (
    of_tag, least(cardinality(result), 1) - least(cardinality(before), 1),
    greatest(cardinality(result), 1) - greatest(cardinality(before), 1)
  ) RETURNING entry INTO number;
  RETURN number % 256 = 0;
END
$enfold$;

-- Sets the rows of contacts. In: for each contact (NULL: passed over) its version, wake, lane, later lanes, and whether it loses all
-- its tags first; for each change of a tag the number of its contact, its key, and whether it is added, else removed. A contact
-- may come several times; what comes last counts. The rows of the agenda are taken first, in order: the one that has
-- them has the contacts' tags, too.
CREATE FUNCTION ${schema}.project(
  contacts text[], versions integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tag_of integer[], tags text[], keys text[], added boolean[]
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  fold     boolean := false;
  tag_id   integer;
  is_keyed boolean;
  keyed    jsonb[];
  one      jsonb;
  number   bigint;
BEGIN
  -- One contact, as most commands have, and no key: the same in plain statements, which take less time to begin.
  IF cardinality(contacts) = 1 AND contacts[1] IS NOT NULL AND NOT cleared[1] AND '' = ALL (keys) THEN
    INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign, others)
    VALUES (contacts[1], versions[1], wakes[1], kinds[1], campaigns[1], others[1]::jsonb)
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
      campaign = excluded.campaign, others = excluded.others;
    FOR n IN 1 .. cardinality(tags) LOOP
      SELECT t.id, t.keyed INTO tag_id, is_keyed FROM ${schema}.tags t WHERE t.tag = tags[n];
      IF is_keyed THEN
        fold := ${schema}.project_key(tag_id, contacts[1], '', added[n]) OR fold;
        CONTINUE;
      END IF;
      IF added[n] THEN
        IF tag_id IS NULL THEN
          INSERT INTO ${schema}.tags (tag) VALUES (tags[n]) ON CONFLICT DO NOTHING;
          SELECT t.id INTO tag_id FROM ${schema}.tags t WHERE t.tag = tags[n];
        END IF;
        INSERT INTO ${schema}.memberships (tag, contact) VALUES (tag_id, contacts[1]) ON CONFLICT DO NOTHING;
      ELSE
        DELETE FROM ${schema}.memberships m WHERE m.tag = tag_id AND m.contact = contacts[1];
      END IF;
      IF FOUND THEN
        INSERT INTO ${schema}.tag_counts (tag, members) VALUES (tag_id, CASE WHEN added[n] THEN 1 ELSE -1 END)
        RETURNING entry INTO number;
        fold := fold OR number % 256 = 0;
      END IF;
    END LOOP;
  ELSE
    INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign, others)
    SELECT DISTINCT ON (d.contact COLLATE "C") d.contact, d.version, d.wake, d.kind, d.campaign, d.others::jsonb
    FROM unnest(contacts, versions, wakes, kinds, campaigns, others)
      WITH ORDINALITY AS d (contact, version, wake, kind, campaign, others, n)
    WHERE d.contact IS NOT NULL ORDER BY d.contact COLLATE "C", d.n DESC
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
      campaign = excluded.campaign, others = excluded.others;

    IF true = ANY (cleared) THEN
      WITH gone AS (
        DELETE FROM ${schema}.memberships m USING unnest(contacts, cleared) AS c (contact, clear)
        WHERE c.clear AND m.contact = c.contact RETURNING m.tag, m.contact
      ), gone_keys AS (
        DELETE FROM ${schema}.membership_keys k USING gone g
        WHERE k.tag = g.tag AND k.contact = g.contact RETURNING k.tag, k.contact
      )
      INSERT INTO ${schema}.tag_counts (tag, members, more)
      SELECT g.tag, -count(*), coalesce(sum(1 - k.keys), 0) FROM gone g LEFT JOIN (
        SELECT k.tag, k.contact, count(*) AS keys FROM gone_keys k GROUP BY k.tag, k.contact
      ) k ON k.tag = g.tag AND k.contact = g.contact GROUP BY g.tag;
    END IF;

    IF cardinality(tags) > 0 THEN
      INSERT INTO ${schema}.tags (tag)
      SELECT DISTINCT c.tag COLLATE "C" FROM unnest(tags, added) AS c (tag, added)
      WHERE c.added AND NOT EXISTS (SELECT FROM ${schema}.tags t WHERE t.tag = c.tag) ORDER BY 1
      ON CONFLICT DO NOTHING;
      IF '' <> ANY (keys) THEN
        UPDATE ${schema}.tags t SET keyed = true WHERE t.id IN (
          SELECT s.id FROM ${schema}.tags s WHERE NOT s.keyed
          AND s.tag = ANY (ARRAY(SELECT c.tag FROM unnest(tags, keys, added) AS c (tag, key, added) WHERE c.added AND c.key <> ''))
          ORDER BY s.id FOR UPDATE
        );
      END IF;
      WITH change AS MATERIALIZED (
        SELECT DISTINCT ON (t.id, contacts[c.of] COLLATE "C", c.key COLLATE "C")
          t.id AS tag, t.keyed, contacts[c.of] AS contact, c.key, c.added
        FROM unnest(tag_of, tags, keys, added) WITH ORDINALITY AS c (of, tag, key, added, n)
        JOIN ${schema}.tags t ON t.tag = c.tag
        WHERE contacts[c.of] IS NOT NULL AND (t.keyed OR c.key = '')
        -- What was changed before the contact lost all its tags does not count.
        AND (NOT true = ANY (cleared) OR NOT EXISTS (
          SELECT FROM unnest(contacts, cleared) WITH ORDINALITY AS l (contact, clear, n)
          WHERE l.clear AND l.n > c.of AND l.contact = contacts[c.of]
        ))
        ORDER BY t.id, contacts[c.of] COLLATE "C", c.key COLLATE "C", c.n DESC
      ), came AS (
        INSERT INTO ${schema}.memberships (tag, contact) SELECT c.tag, c.contact FROM change c WHERE c.added AND NOT c.keyed
        ON CONFLICT DO NOTHING RETURNING tag
      ), went AS (
        DELETE FROM ${schema}.memberships m USING change c
        WHERE NOT c.added AND NOT c.keyed AND m.tag = c.tag AND m.contact = c.contact RETURNING m.tag
      ), difference AS (
        INSERT INTO ${schema}.tag_counts (tag, members)
        SELECT d.tag, sum(d.by) FROM (SELECT a.tag, 1 AS by FROM came a UNION ALL SELECT w.tag, -1 FROM went w) d
        GROUP BY d.tag HAVING sum(d.by) <> 0 RETURNING entry
      )
      SELECT coalesce(bool_or(d.entry % 256 = 0), false),
        ARRAY(SELECT jsonb_build_array(c.tag, c.contact, c.key, c.added) FROM change c WHERE c.keyed)
      INTO fold, keyed FROM difference d;
      FOREACH one IN ARRAY keyed LOOP
        fold := ${schema}.project_key((one ->> 0)::integer, one ->> 1, one ->> 2, (one ->> 3)::boolean) OR fold;
      END LOOP;
    END IF;
  END IF;

  -- Elsewhere than in READ COMMITTED, rows that others have summed up would be an error.
  IF fold AND current_setting('transaction_isolation') = 'read committed' THEN
    WITH summed AS (
      DELETE FROM ${schema}.tag_counts t WHERE t.ctid = ANY (ARRAY(
        SELECT s.ctid FROM ${schema}.tag_counts s JOIN ${schema}.tags t ON t.id = s.tag
        WHERE t.tag = ANY (tags) FOR UPDATE OF s SKIP LOCKED
      )) RETURNING t.tag, t.members, t.more
    )
    INSERT INTO ${schema}.tag_counts (tag, members, more)
    SELECT s.tag, sum(s.members), sum(s.more) FROM summed s GROUP BY s.tag;
  END IF;
END
$enfold$;

-- Everything that a command writes, in one call. As append_events; and for each append what project wants, of which
-- what was not written now is passed over. All answers are texts: drivers differ in what they make of numbers and arrays.
CREATE FUNCTION ${schema}.append(
  streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[],
  contacts text[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tag_of integer[], tags text[], keys text[], added boolean[],
  OUT outcomes text, OUT versions text, OUT event_positions text, OUT event_hashes text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  answer record;
BEGIN
  SELECT * INTO answer FROM ${schema}.append_events(streams, expected, sizes, ids, bodies, digests);
  FOR n IN 1 .. cardinality(streams) LOOP
    IF answer.outcomes[n] <> 'a' THEN
      contacts[n] := NULL;
    END IF;
  END LOOP;
  IF cardinality(array_remove(contacts, NULL)) > 0 THEN
    PERFORM ${schema}.project(contacts, answer.reached, wakes, kinds, campaigns, others, cleared, tag_of, tags, keys, added);
  END IF;
  outcomes := array_to_string(answer.outcomes, ',');
  versions := array_to_string(answer.versions, ',');
  event_positions := array_to_string(answer.event_positions, ',');
  event_hashes := array_to_string(answer.event_hashes, ',', '');
END
$enfold$;

-- As append, of which each stream is on its own: one that another transaction keeps for longer than lock_timeout has the
-- outcome l and nothing of it is written, and the others go on. A subtransaction for each makes it slower; it is called
-- where append met a lock.
CREATE FUNCTION ${schema}.append_around_locks(
  streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[],
  contacts text[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tag_of integer[], tags text[], keys text[], added boolean[],
  OUT outcomes text, OUT versions text, OUT event_positions text, OUT event_hashes text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $enfold$
DECLARE
  first  integer := 1;
  last   integer;
  one    record;
  all_of text[][] := ARRAY[]::text[][];
BEGIN
  FOR n IN 1 .. cardinality(streams) LOOP
    last := first + sizes[n] - 1;
    BEGIN
      SELECT a.outcomes, a.versions, a.event_positions, a.event_hashes INTO one FROM ${schema}.append(
        streams[n:n], expected[n:n], sizes[n:n], ids[first:last], bodies[first:last], digests[first:last],
        contacts[n:n], wakes[n:n], kinds[n:n], campaigns[n:n], others[n:n], cleared[n:n],
        ARRAY(SELECT 1 FROM unnest(tag_of) t WHERE t = n),
        ARRAY(SELECT tags[i] FROM generate_subscripts(tag_of, 1) i WHERE tag_of[i] = n ORDER BY i),
        ARRAY(SELECT keys[i] FROM generate_subscripts(tag_of, 1) i WHERE tag_of[i] = n ORDER BY i),
        ARRAY(SELECT added[i] FROM generate_subscripts(tag_of, 1) i WHERE tag_of[i] = n ORDER BY i)) a;
    EXCEPTION WHEN lock_not_available THEN
      SELECT 'l' AS outcomes, '0' AS versions, array_to_string(array_fill(0, ARRAY[sizes[n]]), ',') AS event_positions,
        repeat(',', sizes[n] - 1) AS event_hashes INTO one;
    END;
    IF one.outcomes = 'u' AND cardinality(streams) > 1 THEN
      RAISE EXCEPTION 'an event id of % is used already', streams[n] USING ERRCODE = 'EF001', DETAIL = ids[first];
    END IF;
    all_of := all_of || ARRAY[ARRAY[one.outcomes, one.versions, one.event_positions, one.event_hashes]];
    first := last + 1;
  END LOOP;
  outcomes := (SELECT string_agg(all_of[n][1], ',' ORDER BY n) FROM generate_subscripts(all_of, 1) n);
  versions := (SELECT string_agg(all_of[n][2], ',' ORDER BY n) FROM generate_subscripts(all_of, 1) n);
  event_positions := (SELECT string_agg(all_of[n][3], ',' ORDER BY n) FROM generate_subscripts(all_of, 1) n);
  event_hashes := (SELECT string_agg(all_of[n][4], ',' ORDER BY n) FROM generate_subscripts(all_of, 1) n);
END
$enfold$;

-- For logs kept elsewhere: changes in the order of the log, and how far they go. A change whose version is not above
-- that of the contact's rows is passed over.
CREATE FUNCTION ${schema}.apply(
  contacts text[], versions integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tag_of integer[], tags text[], keys text[], added boolean[], upto bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  news text[];
BEGIN
  -- One after the other: two who project the same log would overtake each other.
  PERFORM FROM ${schema}.checkpoint FOR UPDATE;
  INSERT INTO ${schema}.agenda (contact, version, kind, campaign)
  SELECT DISTINCT c COLLATE "C", 0, '', '' FROM unnest(contacts) c ORDER BY 1 ON CONFLICT DO NOTHING;
  PERFORM FROM ${schema}.agenda a WHERE a.contact = ANY (contacts) ORDER BY a.contact FOR UPDATE;
  news := ARRAY(
    SELECT CASE WHEN c.version > greatest(a.version, max(c.version) OVER (
      PARTITION BY c.contact ORDER BY c.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )) THEN c.contact END
    FROM unnest(contacts, versions) WITH ORDINALITY AS c (contact, version, n) JOIN ${schema}.agenda a ON a.contact = c.contact
    ORDER BY c.n
  );
  PERFORM ${schema}.project(news, versions, wakes, kinds, campaigns, others, cleared, tag_of, tags, keys, added);
  UPDATE ${schema}.checkpoint SET position = greatest(position, upto);
END
$enfold$;

-- Sets a contact's rows to what its stream says, if the stream still has that version.
CREATE FUNCTION ${schema}.restore(
  of_contact text, of_version integer, wake bigint, of_kind text, of_campaign text, of_others text, of_tags text[], of_keys text[]
)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  projected integer;
  recorded  integer;
BEGIN
  INSERT INTO ${schema}.agenda (contact, version, kind, campaign) VALUES (of_contact, 0, '', '') ON CONFLICT DO NOTHING;
  SELECT a.version INTO projected FROM ${schema}.agenda a WHERE a.contact = of_contact FOR UPDATE;
  -- An append that comes now waits for the row, and goes on from what is made of it here.
  SELECT e.version INTO recorded FROM ${schema}.events e WHERE e.stream = 'contact-' || of_contact ORDER BY e.version DESC LIMIT 1;
  -- Apart from its log there are no streams here: then what was projected last is what is known.
  IF of_version <> coalesce(recorded, CASE WHEN of_version = 0 THEN 0 ELSE greatest(projected, of_version) END) THEN
    RETURN false;
  END IF;
  PERFORM ${schema}.project(
    ARRAY[of_contact], ARRAY[of_version], ARRAY[wake], ARRAY[of_kind], ARRAY[of_campaign], ARRAY[of_others], ARRAY[true],
    array_fill(1, ARRAY[cardinality(of_tags)]), of_tags, of_keys, array_fill(true, ARRAY[cardinality(of_tags)])
  );
  RETURN true;
END
$enfold$;
`
