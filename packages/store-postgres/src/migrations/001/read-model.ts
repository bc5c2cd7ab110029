/** What is projected from the log in the transaction of each append: index and agenda. Instants are milliseconds since 1970. */
export const sql = (schema: string) => /* sql */ `
CREATE TABLE ${schema}.tags (
  id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tag   text    COLLATE "C" NOT NULL UNIQUE,
  -- Whether any contact ever had the tag for a key.
  keyed boolean NOT NULL DEFAULT false
);

CREATE TABLE ${schema}.memberships (
  tag     integer NOT NULL,
  contact text    COLLATE "C" NOT NULL,
  PRIMARY KEY (tag, contact)
);

CREATE INDEX memberships_of_contact ON ${schema}.memberships (contact, tag);

-- Of contacts that have a tag for a key other than '': all its keys, '' too.
CREATE TABLE ${schema}.membership_keys (
  tag     integer NOT NULL,
  contact text    COLLATE "C" NOT NULL,
  key     text    COLLATE "C" NOT NULL,
  PRIMARY KEY (tag, contact, key)
);

-- Counting a million members must not read them, and starting a thousand contacts must not wait for one row: each
-- append adds a row with its difference, and now and then one of them sums up those that are there.
CREATE TABLE ${schema}.tag_counts (
  tag     integer NOT NULL,
  members bigint  NOT NULL,
  entry   bigint  GENERATED ALWAYS AS IDENTITY,
  -- How many more memberships than contacts.
  more    bigint  NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX tag_counts_of_tag ON ${schema}.tag_counts (tag) INCLUDE (members, more);

-- One row for each contact of which anything was ever projected.
CREATE TABLE ${schema}.agenda (
  wake_at      bigint,
  lease_until  bigint,
  -- When it can be claimed: its wake, or the end of its lease if that is later.
  claimable_at bigint GENERATED ALWAYS AS (CASE WHEN wake_at IS NOT NULL THEN greatest(wake_at, lease_until) END) STORED,
  -- Of the contact's stream: up to where the rows of the contact go.
  version      integer NOT NULL,
  contact      text COLLATE "C" NOT NULL PRIMARY KEY,
  -- The lane: what is due then, so that a limit of one kind holds up no other.
  kind         text COLLATE "C" NOT NULL,
  campaign     text COLLATE "C" NOT NULL,
  worker       text COLLATE "C",
  -- The contact's later lanes, one of each other kind: [[wake_at, kind, campaign], ...], the earliest first.
  others       jsonb,
  other_at     bigint GENERATED ALWAYS AS ((others -> 0 ->> 0)::bigint) STORED
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX agenda_claimable ON ${schema}.agenda (kind, campaign, claimable_at) WHERE claimable_at IS NOT NULL;

CREATE INDEX agenda_wake ON ${schema}.agenda (wake_at, contact) WHERE wake_at IS NOT NULL;

CREATE INDEX agenda_others ON ${schema}.agenda (kind, other_at) WHERE others IS NOT NULL;

-- How far the read model goes, where another store keeps the log.
CREATE TABLE ${schema}.checkpoint (
  one      integer PRIMARY KEY CHECK (one = 1),
  position bigint  NOT NULL
);

INSERT INTO ${schema}.checkpoint (one, position) VALUES (1, 0);

-- Sums up the counts of tags that nobody holds.
CREATE FUNCTION ${schema}.sum_tag_counts(of_tags integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
BEGIN
  -- Elsewhere than in READ COMMITTED, rows that others have summed up would be an error.
  IF current_setting('transaction_isolation') = 'read committed' THEN
    WITH summed AS (
      DELETE FROM ${schema}.tag_counts t WHERE t.ctid = ANY (ARRAY(
        SELECT s.ctid FROM ${schema}.tag_counts s WHERE s.tag = ANY (of_tags) FOR UPDATE OF s SKIP LOCKED
      )) RETURNING t.tag, t.members, t.more
    )
    INSERT INTO ${schema}.tag_counts (tag, members, more)
    SELECT s.tag, sum(s.members), sum(s.more) FROM summed s GROUP BY s.tag;
  END IF;
END
$enfold$;

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

  IF fold THEN
    PERFORM ${schema}.sum_tag_counts(ARRAY(SELECT t.id FROM ${schema}.tags t WHERE t.tag = ANY (tags)));
  END IF;
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

-- The lanes in which anything is scheduled, and when the first of each can be claimed: from lane to lane by the index,
-- without reading their contacts.
CREATE FUNCTION ${schema}.lanes() RETURNS TABLE (kind text, campaign text, claimable_at bigint)
LANGUAGE plpgsql STABLE ROWS 10
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
BEGIN
  RETURN QUERY WITH RECURSIVE lane AS (
    (
      SELECT a.kind, a.campaign, a.claimable_at FROM ${schema}.agenda a
      WHERE a.claimable_at IS NOT NULL ORDER BY a.kind, a.campaign, a.claimable_at LIMIT 1
    ) UNION ALL (
      SELECT following.* FROM lane l CROSS JOIN LATERAL (
        SELECT a.kind, a.campaign, a.claimable_at FROM ${schema}.agenda a
        WHERE a.claimable_at IS NOT NULL AND (a.kind, a.campaign) > (l.kind, l.campaign)
        ORDER BY a.kind, a.campaign, a.claimable_at LIMIT 1
      ) following
    )
  ) SELECT * FROM lane;
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
CREATE FUNCTION ${schema}.claim_due(
  now_ms bigint, by_worker text, most integer, until_ms bigint, limited text[], rooms integer[]
) RETURNS TABLE (contact text, wake_at bigint, kind text)
LANGUAGE plpgsql VOLATILE ROWS 50
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
-- How many of a limit there are the planner cannot know: it then read the whole agenda to join some rows with it.
SET enable_hashjoin = off SET enable_mergejoin = off
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
