/** Appends: all that a command writes, in one call. */
export const sql = (schema: string) => /* sql */ `
-- Appends in the order of streams, so that no two calls wait for each other; each has its own outcome. In: for each
-- append its stream, the version expected (NULL: any) and how many events; for each event, append by append, its id, body
-- and digest (no digests: no hashes). Out, in the order given: an outcome each (a appended, r repeated, c conflict,
-- u event id used already; that one alone, or else it is an error), the versions before and after, and positions
-- and hashes of events. What needs no table is a plain expression here, because most calls are for one stream, and each
-- query takes longer to begin than to answer (docs/decisions/0016).
CREATE FUNCTION ${schema}.append_events(
  streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[],
  OUT outcomes text[], OUT versions integer[], OUT reached integer[], OUT event_positions bigint[], OUT event_hashes text[]
)
LANGUAGE plpgsql VOLATILE
AS $enfold$
DECLARE
  firsts       integer[] := ARRAY[]::integer[];
  next         integer := 1;
  first        integer;
  n            integer;
  i            integer;
  of_campaigns boolean := false;
  head         record;
  link         bytea;
  known        record;
BEGIN
  outcomes := array_fill(NULL::text, ARRAY[cardinality(streams)]);
  versions := array_fill(NULL::integer, ARRAY[cardinality(streams)]);
  reached := versions;
  event_positions := array_fill(NULL::bigint, ARRAY[cardinality(ids)]);
  event_hashes := array_fill(NULL::text, ARRAY[cardinality(ids)]);
  FOR n IN 1 .. cardinality(streams) LOOP
    of_campaigns := of_campaigns OR starts_with(streams[n], 'campaign-');
    firsts := firsts || next;
    next := next + sizes[n];
  END LOOP;

  -- Announced before a number is drawn, and held until the transaction ends: see read_events.
  IF of_campaigns THEN
    PERFORM pg_advisory_xact_lock_shared(${schema}.lock_class(true), p.last_value::bit(32)::integer) FROM ${schema}.positions p;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(${schema}.lock_class(false), p.last_value::bit(32)::integer) FROM ${schema}.positions p;
  FOR i IN 1 .. cardinality(ids) LOOP
    event_positions[i] := nextval('${schema}.positions');
  END LOOP;

  FOR n IN SELECT s.n FROM unnest(streams) WITH ORDINALITY AS s (stream, n) ORDER BY s.stream COLLATE "C", s.n LOOP
    first := firsts[n];
    LOOP
      SELECT e.position, e.version, e.hash INTO head FROM ${schema}.events e
      WHERE e.stream = streams[n] ORDER BY e.version DESC LIMIT 1;
      versions[n] := coalesce(head.version, 0);
      i := first;
      IF expected[n] IS NULL OR expected[n] = versions[n] THEN
        -- Another has written since the numbers were drawn: the order of a stream is that of the log, too.
        IF event_positions[i] < head.position THEN
          FOR i IN first .. first + sizes[n] - 1 LOOP
            event_positions[i] := nextval('${schema}.positions');
          END LOOP;
        END IF;
        IF cardinality(digests) > 0 THEN
          link := sha256(convert_to(coalesce(encode(head.hash, 'hex'), '') || digests[i], 'UTF8'));
          event_hashes[i] := encode(link, 'hex');
        END IF;
        -- The one that has this row has the rest: others wait here, and then find it taken.
        INSERT INTO ${schema}.events (position, version, stream, id, hash, body)
        VALUES (event_positions[i], versions[n] + 1, streams[n], ids[i], link, bodies[i]) ON CONFLICT DO NOTHING;
        IF FOUND THEN
          FOR i IN first + 1 .. first + sizes[n] - 1 LOOP
            IF cardinality(digests) > 0 THEN
              link := sha256(convert_to(encode(link, 'hex') || digests[i], 'UTF8'));
              event_hashes[i] := encode(link, 'hex');
            END IF;
            INSERT INTO ${schema}.events (position, version, stream, id, hash, body)
            VALUES (event_positions[i], versions[n] + 1 + i - first, streams[n], ids[i], link, bodies[i]);
          END LOOP;
          outcomes[n] := 'a';
          reached[n] := versions[n] + sizes[n];
          EXIT;
        END IF;
      END IF;
      SELECT count(*) AS found, count(*) FILTER (WHERE e.stream = streams[n]) AS here INTO known FROM ${schema}.events e
      WHERE e.id = ANY (ids[first : first + sizes[n] - 1]);
      IF known.here = sizes[n] THEN
        outcomes[n] := 'r';
        EXIT;
      ELSIF known.found > 0 AND cardinality(streams) = 1 THEN
        outcomes[n] := 'u';
        EXIT;
      ELSIF known.found > 0 THEN
        RAISE EXCEPTION 'an event id of % is used already', streams[n] USING ERRCODE = 'EF001', DETAIL = ids[i];
      ELSIF expected[n] <> versions[n] THEN
        outcomes[n] := 'c';
        EXIT;
      END IF;
      -- Another was first: look again.
    END LOOP;
  END LOOP;
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

-- The class of the advisory locks of transactions that required a version of a stream; the other half is the stream's hash.
CREATE FUNCTION ${schema}.required_class() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $enfold$
  SELECT '${schema}.events_place'::regclass::oid::integer
$enfold$;

-- The versions that appends expect, and -1, which no stream has, for those of which a required stream has another version:
-- such an append is then a repeat or a conflict, like any other that expected the wrong one. In: what append takes, and for
-- each requirement the number of its append, the stream, and its version (0: there must be none).
-- Announced before the look, by a lock that is shared by all who require and never taken otherwise, so that nobody waits
-- here. A caller that has moved the stream on, and committed, waits for those who were announced then (see requiring). Of
-- one stream that many appends of a batch require there is one lock and one look.
CREATE FUNCTION ${schema}.expecting(
  expected integer[], required_by integer[], required text[], required_versions integer[]
) RETURNS integer[]
LANGUAGE plpgsql VOLATILE
AS $enfold$
DECLARE
  i       integer;
  version integer;
BEGIN
  FOR i IN 1 .. cardinality(required_by) LOOP
    IF i = 1 OR required[i] <> required[i - 1] THEN
      PERFORM pg_advisory_xact_lock_shared(${schema}.required_class(), hashtext(required[i]));
      version := (SELECT e.version FROM ${schema}.events e WHERE e.stream = required[i] ORDER BY e.version DESC LIMIT 1);
    END IF;
    IF coalesce(version, 0) <> required_versions[i] THEN
      expected[required_by[i]] := -1;
    END IF;
  END LOOP;
  RETURN expected;
END
$enfold$;

-- Transactions that are under way and required a version of the stream; at best one too many, of the same hash.
CREATE FUNCTION ${schema}.requiring(of_stream text) RETURNS SETOF text
LANGUAGE sql STABLE
AS $enfold$
  SELECT DISTINCT l.virtualtransaction FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.objsubid = 2
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.classid = ${schema}.required_class()::oid AND l.objid = hashtext(of_stream)::oid
$enfold$;

-- Whether no release that knows more versions has changed the schema. A function, because its plan is kept: the same
-- question within each statement took more time to plan than to ask. Volatile, because it then looks after it has the
-- lock that a migration waits for, and not with the older eyes of the statement that calls it.
CREATE FUNCTION ${schema}.is_current(known integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $enfold$
BEGIN
  RETURN NOT EXISTS (SELECT FROM ${schema}.migrations m WHERE m.version > known);
END
$enfold$;

-- What nearly every append is: each stream has the version that was expected, and its caller has seen the last event of it.
-- Then nothing has to be found out, the links of the hash chain come with the events, and everything is written by sets.
-- In: for each requirement its stream and version, as expecting takes them; for each stream that has events its version
-- and hash; for each event what stands in its row, and the numbers of the events in the order in which the log is to have
-- them; for each contact its version and agenda, and whether it loses all its
-- tags first; tags, and for each that is added or removed its number, the number of its contact, and the key; the changes of
-- the counters of all appends together, as rows with how many keys they have; the states that are kept. Out: the positions
-- of the events, or NULL, or an error of a unique row, where anything is otherwise. Nothing is written then, and append finds
-- out what it is. The caller
-- names each stream once, in order. Of one event and one contact everything is a plain statement, and what needs no table
-- an assignment: to begin a query takes longer than to run it (docs/decisions/0016).
CREATE FUNCTION ${schema}.append_known(
  known integer, lock_ms integer, required text[], required_versions integer[],
  seen text[], seen_versions integer[], seen_hashes text[],
  streams text[], event_versions integer[], ids text[], hashes text[], bodies text[], in_order integer[],
  contacts text[], reached integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tags text[], added integer[], added_to integer[], added_keys text[],
  removed integer[], removed_from integer[], removed_keys text[],
  counted text[], counted_versions integer[], counts text[], count_keys integer[],
  state_of text[], state_versions integer[], reducers integer[], states text[]
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  event_positions bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(ids)]);
  tag_ids         integer[] := ARRAY[]::integer[];
  fold            boolean := false;
  folds           boolean;
  number          bigint;
  setting         text;
  is_locked       boolean;
BEGIN
  setting := set_config('lock_timeout', lock_ms::text, true);
  IF EXISTS (SELECT FROM ${schema}.migrations m WHERE m.version > known) THEN
    RETURN NULL;
  END IF;
  FOR i IN 1 .. cardinality(required) LOOP
    -- As in expecting: announced before the look.
    is_locked := pg_advisory_xact_lock_shared(${schema}.required_class(), hashtext(required[i])) IS NULL;
    IF required_versions[i] <> coalesce(
      (SELECT e.version FROM ${schema}.events e WHERE e.stream = required[i] ORDER BY e.version DESC LIMIT 1), 0
    ) THEN
      RETURN NULL;
    END IF;
  END LOOP;
  -- The caller saw them some time ago. Others may have come since, and a server that took over need not have them all.
  IF cardinality(seen) > 0 AND cardinality(seen) <> (
    SELECT count(*) FROM unnest(seen, seen_versions, seen_hashes) AS s (stream, version, hash)
    JOIN ${schema}.events e ON e.stream = s.stream AND e.version = s.version
    AND e.hash IS NOT DISTINCT FROM decode(s.hash, 'hex')
    WHERE NOT EXISTS (SELECT FROM ${schema}.events l WHERE l.stream = s.stream AND l.version = s.version + 1)
  ) THEN
    RETURN NULL;
  END IF;

  -- Announced before a number is drawn, and held until the transaction ends: see read_events.
  is_locked := pg_advisory_xact_lock_shared(
    ${schema}.lock_class(false), pg_sequence_last_value('${schema}.positions')::bit(32)::integer
  ) IS NULL;
  FOR i IN 1 .. cardinality(ids) LOOP
    event_positions[in_order[i]] := nextval('${schema}.positions');
  END LOOP;
  -- Where another append is at it now, this waits for it, and then is an error that ends the transaction. ON CONFLICT would
  -- look at three indexes before each row and take a lock for it.
  IF cardinality(ids) = 1 THEN
    INSERT INTO ${schema}.events (position, version, stream, id, hash, body)
    VALUES (event_positions[1], event_versions[1], streams[1], ids[1], decode(hashes[1], 'hex'), bodies[1]);
  ELSE
    INSERT INTO ${schema}.events (position, version, stream, id, hash, body)
    SELECT e.position, e.version, e.stream, e.id, decode(e.hash, 'hex'), e.body
    FROM unnest(event_positions, event_versions, streams, ids, hashes, bodies) AS e (position, version, stream, id, hash, body);
  END IF;

  -- A tag that has keys, or none of which anybody was told, and a contact that loses all its tags are for project.
  FOR i IN 1 .. cardinality(tags) LOOP
    tag_ids[i] := (SELECT CASE WHEN NOT t.keyed THEN t.id END FROM ${schema}.tags t WHERE t.tag = tags[i]);
  END LOOP;
  IF true = ANY (cleared) OR '' <> ANY (added_keys) OR '' <> ANY (removed_keys) OR array_position(tag_ids, NULL) IS NOT NULL THEN
    PERFORM ${schema}.project(
      contacts, reached, wakes, kinds, campaigns, others, cleared, added_to || removed_from,
      ARRAY(SELECT tags[n] FROM unnest(added || removed) WITH ORDINALITY AS c (n, i) ORDER BY c.i), added_keys || removed_keys,
      array_fill(true, ARRAY[cardinality(added)]) || array_fill(false, ARRAY[cardinality(removed)])
    );
  ELSE
    IF cardinality(contacts) = 1 THEN
      IF event_versions[1] > 1 THEN
        UPDATE ${schema}.agenda a SET version = reached[1], wake_at = wakes[1], kind = kinds[1], campaign = campaigns[1],
          others = append_known.others[1]::jsonb WHERE a.contact = contacts[1];
      END IF;
      IF event_versions[1] = 1 OR NOT FOUND THEN
        INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign, others)
        VALUES (contacts[1], reached[1], wakes[1], kinds[1], campaigns[1], others[1]::jsonb);
      END IF;
    ELSIF cardinality(contacts) > 1 THEN
      INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign, others)
      SELECT d.contact, d.version, d.wake, d.kind, d.campaign, d.others::jsonb
      FROM unnest(contacts, reached, wakes, kinds, campaigns, others) AS d (contact, version, wake, kind, campaign, others)
      ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
        campaign = excluded.campaign, others = excluded.others;
    END IF;
    IF cardinality(added) = 1 THEN
      INSERT INTO ${schema}.memberships (tag, contact) VALUES (tag_ids[added[1]], contacts[added_to[1]]) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        INSERT INTO ${schema}.tag_counts (tag, members) VALUES (tag_ids[added[1]], 1) RETURNING entry INTO number;
        fold := number % 256 = 0;
      END IF;
    ELSIF cardinality(added) > 1 THEN
      WITH came AS (
        INSERT INTO ${schema}.memberships (tag, contact)
        SELECT tag_ids[c.tag], contacts[c.of] FROM unnest(added, added_to) AS c (tag, of)
        ON CONFLICT DO NOTHING RETURNING tag
      ), difference AS (
        INSERT INTO ${schema}.tag_counts (tag, members) SELECT c.tag, count(*) FROM came c GROUP BY c.tag RETURNING entry
      )
      SELECT coalesce(bool_or(d.entry % 256 = 0), false) INTO fold FROM difference d;
    END IF;
    IF cardinality(removed) = 1 THEN
      DELETE FROM ${schema}.memberships m WHERE m.tag = tag_ids[removed[1]] AND m.contact = contacts[removed_from[1]];
      IF FOUND THEN
        INSERT INTO ${schema}.tag_counts (tag, members) VALUES (tag_ids[removed[1]], -1) RETURNING entry INTO number;
        fold := fold OR number % 256 = 0;
      END IF;
    ELSIF cardinality(removed) > 1 THEN
      WITH went AS (
        DELETE FROM ${schema}.memberships m USING unnest(removed, removed_from) AS c (tag, of)
        WHERE m.tag = tag_ids[c.tag] AND m.contact = contacts[c.of] RETURNING m.tag
      ), difference AS (
        INSERT INTO ${schema}.tag_counts (tag, members) SELECT w.tag, -count(*) FROM went w GROUP BY w.tag RETURNING entry
      )
      SELECT coalesce(bool_or(d.entry % 256 = 0), false) INTO folds FROM difference d;
      fold := fold OR folds;
    END IF;
    IF fold THEN
      PERFORM ${schema}.sum_tag_counts(tag_ids);
    END IF;
  END IF;

  FOR i IN 1 .. cardinality(counted) LOOP
    INSERT INTO ${schema}.counters (campaign, version, counts) VALUES (counted[i], counted_versions[i], counts[i]::jsonb)
    RETURNING entry INTO number;
    IF number % ${schema}.counters_apart(count_keys[i]) = 0 THEN
      PERFORM ${schema}.sum_counters(counted[i], counted_versions[i]);
    END IF;
  END LOOP;
  IF cardinality(state_of) > 0 THEN
    PERFORM ${schema}.keep_states(state_of, state_versions, reducers, states);
  END IF;
  RETURN array_to_string(event_positions, ',');
END
$enfold$;
`
