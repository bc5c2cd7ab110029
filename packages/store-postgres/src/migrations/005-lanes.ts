/**
 * Later lanes of a contact, for workers that do not do what is due first (KIND-1), and appends that go around locks.
 * Contacts of an older schema have no later lanes before their next event; `rebuildIndex` gives them theirs at once.
 */
export const sql = (schema: string) => /* sql */ `
ALTER TABLE ${schema}.agenda
  -- The contact's later lanes, one of each other kind: [[wake_at, kind, campaign], ...], the earliest first.
  ADD COLUMN others   jsonb,
  ADD COLUMN other_at bigint GENERATED ALWAYS AS ((others -> 0 ->> 0)::bigint) STORED;
CREATE INDEX agenda_others ON ${schema}.agenda (kind, other_at) WHERE others IS NOT NULL;

-- Those that take later lanes, too, have another signature: made again.
DROP FUNCTION ${schema}.project(text[], integer[], bigint[], text[], text[], boolean[], integer[], text[], boolean[]);
DROP FUNCTION ${schema}.append(text[], integer[], integer[], text[], text[], text[], text[], bigint[], text[], text[], boolean[], integer[], text[], boolean[]);
DROP FUNCTION ${schema}.apply(text[], integer[], bigint[], text[], text[], boolean[], integer[], text[], boolean[], bigint);
DROP FUNCTION ${schema}.restore(text, integer, bigint, text, text, text[]);

-- Sets the rows of contacts. In: for each contact (NULL: passed over) its version, wake, lane, later lanes, and whether it loses all
-- its tags first; for each change of a tag the number of its contact, and whether it is added, else removed. A contact
-- may come several times; what comes last counts. The rows of the agenda are taken first, in order: the one that has
-- them has the contacts' tags, too.
CREATE FUNCTION ${schema}.project(
  contacts text[], versions integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tag_of integer[], tags text[], added boolean[]
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  fold   boolean := false;
  tag_id integer;
  number bigint;
BEGIN
  -- One contact, as most commands have: the same in plain statements, which take less time to begin.
  IF cardinality(contacts) = 1 AND contacts[1] IS NOT NULL AND NOT cleared[1] THEN
    INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign, others)
    VALUES (contacts[1], versions[1], wakes[1], kinds[1], campaigns[1], others[1]::jsonb)
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
      campaign = excluded.campaign, others = excluded.others;
    FOR n IN 1 .. cardinality(tags) LOOP
      SELECT t.id INTO tag_id FROM ${schema}.tags t WHERE t.tag = tags[n];
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
        WHERE c.clear AND m.contact = c.contact RETURNING m.tag
      )
      INSERT INTO ${schema}.tag_counts (tag, members) SELECT g.tag, -count(*) FROM gone g GROUP BY g.tag;
    END IF;

    IF cardinality(tags) > 0 THEN
      INSERT INTO ${schema}.tags (tag)
      SELECT DISTINCT c.tag COLLATE "C" FROM unnest(tags, added) AS c (tag, added)
      WHERE c.added AND NOT EXISTS (SELECT FROM ${schema}.tags t WHERE t.tag = c.tag) ORDER BY 1
      ON CONFLICT DO NOTHING;
      WITH change AS MATERIALIZED (
        SELECT DISTINCT ON (t.id, contacts[c.of] COLLATE "C") t.id AS tag, contacts[c.of] AS contact, c.added
        FROM unnest(tag_of, tags, added) WITH ORDINALITY AS c (of, tag, added, n)
        JOIN ${schema}.tags t ON t.tag = c.tag
        WHERE contacts[c.of] IS NOT NULL
        -- What was changed before the contact lost all its tags does not count.
        AND (NOT true = ANY (cleared) OR NOT EXISTS (
          SELECT FROM unnest(contacts, cleared) WITH ORDINALITY AS l (contact, clear, n)
          WHERE l.clear AND l.n > c.of AND l.contact = contacts[c.of]
        ))
        ORDER BY t.id, contacts[c.of] COLLATE "C", c.n DESC
      ), came AS (
        INSERT INTO ${schema}.memberships (tag, contact) SELECT c.tag, c.contact FROM change c WHERE c.added
        ON CONFLICT DO NOTHING RETURNING tag
      ), went AS (
        DELETE FROM ${schema}.memberships m USING change c
        WHERE NOT c.added AND m.tag = c.tag AND m.contact = c.contact RETURNING m.tag
      ), difference AS (
        INSERT INTO ${schema}.tag_counts (tag, members)
        SELECT d.tag, sum(d.by) FROM (SELECT a.tag, 1 AS by FROM came a UNION ALL SELECT w.tag, -1 FROM went w) d
        GROUP BY d.tag HAVING sum(d.by) <> 0 RETURNING entry
      )
      SELECT bool_or(d.entry % 256 = 0) INTO fold FROM difference d;
    END IF;
  END IF;

  -- Elsewhere than in READ COMMITTED, rows that others have summed up would be an error.
  IF fold AND current_setting('transaction_isolation') = 'read committed' THEN
    WITH summed AS (
      DELETE FROM ${schema}.tag_counts t WHERE t.ctid = ANY (ARRAY(
        SELECT s.ctid FROM ${schema}.tag_counts s JOIN ${schema}.tags t ON t.id = s.tag
        WHERE t.tag = ANY (tags) FOR UPDATE OF s SKIP LOCKED
      )) RETURNING t.tag, t.members
    )
    INSERT INTO ${schema}.tag_counts (tag, members) SELECT s.tag, sum(s.members) FROM summed s GROUP BY s.tag;
  END IF;
END
$enfold$;

-- Everything that a command writes, in one call. As append_events; and for each append what project wants, of which
-- what was not written now is passed over. All answers are texts: drivers differ in what they make of numbers and arrays.
CREATE FUNCTION ${schema}.append(
  streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[],
  contacts text[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[],
  tag_of integer[], tags text[], added boolean[],
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
    PERFORM ${schema}.project(contacts, answer.reached, wakes, kinds, campaigns, others, cleared, tag_of, tags, added);
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
  tag_of integer[], tags text[], added boolean[],
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
  tag_of integer[], tags text[], added boolean[], upto bigint
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
  PERFORM ${schema}.project(news, versions, wakes, kinds, campaigns, others, cleared, tag_of, tags, added);
  UPDATE ${schema}.checkpoint SET position = greatest(position, upto);
END
$enfold$;

-- Sets a contact's rows to what its stream says, if the stream still has that version.
CREATE FUNCTION ${schema}.restore(
  of_contact text, of_version integer, wake bigint, of_kind text, of_campaign text, of_others text, of_tags text[]
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
    array_fill(1, ARRAY[cardinality(of_tags)]), of_tags, array_fill(true, ARRAY[cardinality(of_tags)])
  );
  RETURN true;
END
$enfold$;

-- Contacts whose first lane is of a closed kind, and when and for what kind they can be claimed by their later lanes:
-- the first hundreds by when that would be due.
CREATE FUNCTION ${schema}.besides(closed text[]) RETURNS TABLE (contact text, kind text, claimable_at bigint)
LANGUAGE plpgsql STABLE ROWS 100
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
BEGIN
  RETURN QUERY SELECT a.contact, o.kind, greatest(o.wake, a.lease_until)
  FROM unnest(closed) c (kind) CROSS JOIN LATERAL (
    SELECT b.* FROM ${schema}.agenda b WHERE b.others IS NOT NULL AND b.kind = c.kind
    AND EXISTS (SELECT FROM jsonb_array_elements(b.others) e WHERE e ->> 1 <> ALL (closed))
    ORDER BY b.other_at LIMIT 500
  ) a CROSS JOIN LATERAL (
    SELECT e ->> 1 AS kind, (e ->> 0)::bigint AS wake FROM jsonb_array_elements(a.others) WITH ORDINALITY AS l (e, n)
    WHERE e ->> 1 <> ALL (closed) ORDER BY l.n LIMIT 1
  ) o;
END
$enfold$;

-- Claims what can be claimed at an instant, at most so many in all and of each kind that rooms names. Lanes share what
-- there is evenly; what one does not need goes to the others. Nobody waits for a row that another is just claiming.
CREATE OR REPLACE FUNCTION ${schema}.claim_due(
  now_ms bigint, by_worker text, most integer, until_ms bigint, limited text[], rooms integer[]
) RETURNS TABLE (contact text, wake_at bigint, kind text)
LANGUAGE plpgsql VOLATILE ROWS 50
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  kinds     text[];
  campaigns text[];
  open      integer[];
  still     integer[];
  room      integer[];
  k         integer;
  n         integer;
  share     integer;
  wanted    integer;
  got       integer;
  closed    text[];
  found     record;
BEGIN
  SELECT array_agg(l.kind ORDER BY l.kind, l.campaign), array_agg(l.campaign ORDER BY l.kind, l.campaign)
  INTO kinds, campaigns FROM ${schema}.lanes() l WHERE l.claimable_at <= now_ms;
  open := ARRAY(SELECT generate_series(1, cardinality(kinds)));
  -- Contacts that are due for a closed kind first, and for an open one too, take their share as one lane more.
  closed := ARRAY(SELECT l.kind FROM unnest(limited, rooms) AS l (kind, room) WHERE l.room = 0);
  IF cardinality(closed) > 0 THEN
    share := CASE WHEN coalesce(cardinality(open), 0) = 0 THEN most
      ELSE most / (cardinality(open) + 1) + CASE WHEN random() * (cardinality(open) + 1) < most % (cardinality(open) + 1) THEN 1 ELSE 0 END END;
    FOR found IN SELECT b.contact, b.kind FROM ${schema}.besides(closed) b WHERE b.claimable_at <= now_ms ORDER BY b.claimable_at LOOP
      EXIT WHEN share = 0;
      k := array_position(limited, found.kind);
      CONTINUE WHEN k IS NOT NULL AND rooms[k] = 0;
      RETURN QUERY WITH due AS MATERIALIZED (
        SELECT a.contact FROM ${schema}.agenda a
        WHERE a.contact = found.contact AND a.kind = ANY (closed) AND a.claimable_at <= now_ms
        AND EXISTS (SELECT FROM jsonb_array_elements(a.others) e WHERE e ->> 1 = found.kind AND (e ->> 0)::bigint <= now_ms)
        FOR UPDATE SKIP LOCKED
      )
      UPDATE ${schema}.agenda a SET lease_until = until_ms, worker = by_worker FROM due
      WHERE a.contact = due.contact RETURNING a.contact, a.wake_at, found.kind;
      GET DIAGNOSTICS got = ROW_COUNT;
      share := share - got;
      most := most - got;
      IF k IS NOT NULL THEN
        rooms[k] := rooms[k] - got;
      END IF;
    END LOOP;
  END IF;
  WHILE most > 0 AND cardinality(open) > 0 LOOP
    share := greatest(1, most / cardinality(open));
    room := rooms;
    still := ARRAY[]::integer[];
    FOREACH n IN ARRAY open LOOP
      EXIT WHEN most = 0;
      wanted := least(share, most);
      k := array_position(limited, kinds[n]);
      IF k IS NOT NULL THEN
        CONTINUE WHEN rooms[k] = 0;
        wanted := least(wanted, rooms[k], greatest(1, room[k] / (SELECT count(*)::integer FROM unnest(open) o WHERE kinds[o] = kinds[n])));
      END IF;
      RETURN QUERY WITH due AS MATERIALIZED (
        SELECT a.contact FROM ${schema}.agenda a
        WHERE a.kind = kinds[n] AND a.campaign = campaigns[n] AND a.claimable_at <= now_ms
        ORDER BY a.claimable_at LIMIT wanted FOR UPDATE SKIP LOCKED
      )
      UPDATE ${schema}.agenda a SET lease_until = until_ms, worker = by_worker FROM due
      WHERE a.contact = due.contact RETURNING a.contact, a.wake_at, a.kind;
      GET DIAGNOSTICS got = ROW_COUNT;
      IF got = wanted THEN
        still := still || n;
      END IF;
      most := most - got;
      IF k IS NOT NULL THEN
        rooms[k] := rooms[k] - got;
      END IF;
    END LOOP;
    open := still;
  END LOOP;
END
$enfold$;
`
