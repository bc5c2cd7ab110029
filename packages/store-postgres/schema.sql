-- What the migrations come to. Written by a test from the catalogue; not run by anything.

CREATE TABLE enfold.action_contacts (
  action integer NOT NULL,
  number integer NOT NULL,
  run integer,
  outcome text COLLATE "C",
  contact text COLLATE "C" NOT NULL,
  reason text,
  key text COLLATE "C" NOT NULL DEFAULT ''::text,
  runs text
);

CREATE TABLE enfold.actions (
  number integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  revision integer NOT NULL,
  id text COLLATE "C" NOT NULL,
  record text NOT NULL
);

CREATE TABLE enfold.agenda (
  wake_at bigint,
  lease_until bigint,
  claimable_at bigint GENERATED ALWAYS AS (
CASE
    WHEN (wake_at IS NOT NULL) THEN GREATEST(wake_at, lease_until)
    ELSE NULL::bigint
END) STORED,
  version integer NOT NULL,
  contact text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  campaign text COLLATE "C" NOT NULL,
  worker text COLLATE "C",
  others jsonb,
  other_at bigint GENERATED ALWAYS AS ((((others -> 0) ->> 0))::bigint) STORED
) WITH (autovacuum_vacuum_scale_factor=0.02);

CREATE TABLE enfold.checkpoint (
  one integer NOT NULL,
  "position" bigint NOT NULL
);

CREATE TABLE enfold.counters (
  version integer NOT NULL,
  campaign text COLLATE "C" NOT NULL,
  counts jsonb NOT NULL,
  entry bigint NOT NULL GENERATED ALWAYS AS IDENTITY
) WITH (autovacuum_vacuum_scale_factor=0.05);

CREATE TABLE enfold.counters_state (
  one integer NOT NULL,
  revision integer NOT NULL,
  complete boolean NOT NULL
);

CREATE TABLE enfold.events (
  "position" bigint NOT NULL,
  version integer NOT NULL,
  stream text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  hash bytea,
  body text NOT NULL
);

CREATE TABLE enfold.membership_keys (
  tag integer NOT NULL,
  contact text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL
);

CREATE TABLE enfold.memberships (
  tag integer NOT NULL,
  contact text COLLATE "C" NOT NULL
);

CREATE TABLE enfold.migrations (
  version integer NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE enfold.states (
  contact text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  reducer integer NOT NULL,
  state text NOT NULL
);

CREATE TABLE enfold.tag_counts (
  tag integer NOT NULL,
  members bigint NOT NULL,
  entry bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  more bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor=0.05);

CREATE TABLE enfold.tags (
  id integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  tag text COLLATE "C" NOT NULL,
  keyed boolean NOT NULL DEFAULT false
);

ALTER TABLE enfold.action_contacts ADD CONSTRAINT action_contacts_pkey PRIMARY KEY (action, number);

ALTER TABLE enfold.actions ADD CONSTRAINT actions_id_key UNIQUE (id);

ALTER TABLE enfold.actions ADD CONSTRAINT actions_pkey PRIMARY KEY (number);

ALTER TABLE enfold.agenda ADD CONSTRAINT agenda_pkey PRIMARY KEY (contact);

ALTER TABLE enfold.checkpoint ADD CONSTRAINT checkpoint_one_check CHECK ((one = 1));

ALTER TABLE enfold.checkpoint ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (one);

ALTER TABLE enfold.counters_state ADD CONSTRAINT counters_state_one_check CHECK ((one = 1));

ALTER TABLE enfold.counters_state ADD CONSTRAINT counters_state_pkey PRIMARY KEY (one);

ALTER TABLE enfold.events ADD CONSTRAINT events_id UNIQUE (id);

ALTER TABLE enfold.events ADD CONSTRAINT events_place UNIQUE (stream, version);

ALTER TABLE enfold.events ADD CONSTRAINT events_position PRIMARY KEY ("position");

ALTER TABLE enfold.membership_keys ADD CONSTRAINT membership_keys_pkey PRIMARY KEY (tag, contact, key);

ALTER TABLE enfold.memberships ADD CONSTRAINT memberships_pkey PRIMARY KEY (tag, contact);

ALTER TABLE enfold.migrations ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);

ALTER TABLE enfold.states ADD CONSTRAINT states_contact PRIMARY KEY (contact);

ALTER TABLE enfold.tags ADD CONSTRAINT tags_pkey PRIMARY KEY (id);

ALTER TABLE enfold.tags ADD CONSTRAINT tags_tag_key UNIQUE (tag);

CREATE UNIQUE INDEX action_contacts_once ON enfold.action_contacts USING btree (action, contact, key);

CREATE UNIQUE INDEX action_contacts_pkey ON enfold.action_contacts USING btree (action, number);

CREATE UNIQUE INDEX actions_id_key ON enfold.actions USING btree (id);

CREATE UNIQUE INDEX actions_pkey ON enfold.actions USING btree (number);

CREATE INDEX agenda_claimable ON enfold.agenda USING btree (kind, campaign, claimable_at) WHERE (claimable_at IS NOT NULL);

CREATE INDEX agenda_others ON enfold.agenda USING btree (kind, other_at) WHERE (others IS NOT NULL);

CREATE UNIQUE INDEX agenda_pkey ON enfold.agenda USING btree (contact);

CREATE INDEX agenda_wake ON enfold.agenda USING btree (wake_at, contact) WHERE (wake_at IS NOT NULL);

CREATE UNIQUE INDEX checkpoint_pkey ON enfold.checkpoint USING btree (one);

CREATE INDEX counters_of_campaign ON enfold.counters USING btree (campaign, version);

CREATE UNIQUE INDEX counters_state_pkey ON enfold.counters_state USING btree (one);

CREATE UNIQUE INDEX events_id ON enfold.events USING btree (id);

CREATE INDEX events_of_campaigns ON enfold.events USING btree ("position") WHERE ((stream >= 'campaign-'::text) AND (stream < 'campaign.'::text));

CREATE UNIQUE INDEX events_place ON enfold.events USING btree (stream, version);

CREATE UNIQUE INDEX events_position ON enfold.events USING btree ("position");

CREATE UNIQUE INDEX membership_keys_pkey ON enfold.membership_keys USING btree (tag, contact, key);

CREATE INDEX memberships_of_contact ON enfold.memberships USING btree (contact, tag);

CREATE UNIQUE INDEX memberships_pkey ON enfold.memberships USING btree (tag, contact);

CREATE UNIQUE INDEX migrations_pkey ON enfold.migrations USING btree (version);

CREATE UNIQUE INDEX states_contact ON enfold.states USING btree (contact);

CREATE INDEX tag_counts_of_tag ON enfold.tag_counts USING btree (tag) INCLUDE (members, more);

CREATE UNIQUE INDEX tags_pkey ON enfold.tags USING btree (id);

CREATE UNIQUE INDEX tags_tag_key ON enfold.tags USING btree (tag);

CREATE SEQUENCE enfold.actions_number_seq AS integer MINVALUE 1 START 1 CACHE 1;

CREATE SEQUENCE enfold.counters_entry_seq AS bigint MINVALUE 1 START 1 CACHE 1;

CREATE SEQUENCE enfold.positions AS bigint MINVALUE 0 START 0 CACHE 1;

CREATE SEQUENCE enfold.tag_counts_entry_seq AS bigint MINVALUE 1 START 1 CACHE 1;

CREATE SEQUENCE enfold.tags_id_seq AS integer MINVALUE 1 START 1 CACHE 1;

CREATE OR REPLACE FUNCTION enfold.append(streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[], contacts text[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[], tag_of integer[], tags text[], keys text[], added boolean[], OUT outcomes text, OUT versions text, OUT event_positions text, OUT event_hashes text)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  answer record;
BEGIN
  SELECT * INTO answer FROM "enfold".append_events(streams, expected, sizes, ids, bodies, digests);
  FOR n IN 1 .. cardinality(streams) LOOP
    IF answer.outcomes[n] <> 'a' THEN
      contacts[n] := NULL;
    END IF;
  END LOOP;
  IF cardinality(array_remove(contacts, NULL)) > 0 THEN
    PERFORM "enfold".project(contacts, answer.reached, wakes, kinds, campaigns, others, cleared, tag_of, tags, keys, added);
  END IF;
  outcomes := array_to_string(answer.outcomes, ',');
  versions := array_to_string(answer.versions, ',');
  event_positions := array_to_string(answer.event_positions, ',');
  event_hashes := array_to_string(answer.event_hashes, ',', '');
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.append_around_locks(streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[], contacts text[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[], tag_of integer[], tags text[], keys text[], added boolean[], OUT outcomes text, OUT versions text, OUT event_positions text, OUT event_hashes text)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
  first  integer := 1;
  last   integer;
  one    record;
  all_of text[][] := ARRAY[]::text[][];
BEGIN
  FOR n IN 1 .. cardinality(streams) LOOP
    last := first + sizes[n] - 1;
    BEGIN
      SELECT a.outcomes, a.versions, a.event_positions, a.event_hashes INTO one FROM "enfold".append(
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
$function$
;

CREATE OR REPLACE FUNCTION enfold.append_events(streams text[], expected integer[], sizes integer[], ids text[], bodies text[], digests text[], OUT outcomes text[], OUT versions integer[], OUT reached integer[], OUT event_positions bigint[], OUT event_hashes text[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
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
    PERFORM pg_advisory_xact_lock_shared("enfold".lock_class(true), p.last_value::bit(32)::integer) FROM "enfold".positions p;
  END IF;
  PERFORM pg_advisory_xact_lock_shared("enfold".lock_class(false), p.last_value::bit(32)::integer) FROM "enfold".positions p;
  FOR i IN 1 .. cardinality(ids) LOOP
    event_positions[i] := nextval('"enfold".positions');
  END LOOP;

  FOR n IN SELECT s.n FROM unnest(streams) WITH ORDINALITY AS s (stream, n) ORDER BY s.stream COLLATE "C", s.n LOOP
    first := firsts[n];
    LOOP
      SELECT e.position, e.version, e.hash INTO head FROM "enfold".events e
      WHERE e.stream = streams[n] ORDER BY e.version DESC LIMIT 1;
      versions[n] := coalesce(head.version, 0);
      i := first;
      IF expected[n] IS NULL OR expected[n] = versions[n] THEN
        -- Another has written since the numbers were drawn: the order of a stream is that of the log, too.
        IF event_positions[i] < head.position THEN
          FOR i IN first .. first + sizes[n] - 1 LOOP
            event_positions[i] := nextval('"enfold".positions');
          END LOOP;
        END IF;
        IF cardinality(digests) > 0 THEN
          link := sha256(convert_to(coalesce(encode(head.hash, 'hex'), '') || digests[i], 'UTF8'));
          event_hashes[i] := encode(link, 'hex');
        END IF;
        -- The one that has this row has the rest: others wait here, and then find it taken.
        INSERT INTO "enfold".events (position, version, stream, id, hash, body)
        VALUES (event_positions[i], versions[n] + 1, streams[n], ids[i], link, bodies[i]) ON CONFLICT DO NOTHING;
        IF FOUND THEN
          FOR i IN first + 1 .. first + sizes[n] - 1 LOOP
            IF cardinality(digests) > 0 THEN
              link := sha256(convert_to(encode(link, 'hex') || digests[i], 'UTF8'));
              event_hashes[i] := encode(link, 'hex');
            END IF;
            INSERT INTO "enfold".events (position, version, stream, id, hash, body)
            VALUES (event_positions[i], versions[n] + 1 + i - first, streams[n], ids[i], link, bodies[i]);
          END LOOP;
          outcomes[n] := 'a';
          reached[n] := versions[n] + sizes[n];
          EXIT;
        END IF;
      END IF;
      SELECT count(*) AS found, count(*) FILTER (WHERE e.stream = streams[n]) AS here INTO known FROM "enfold".events e
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
$function$
;

CREATE OR REPLACE FUNCTION enfold.append_known(known integer, lock_ms integer, required text[], required_versions integer[], seen text[], seen_versions integer[], seen_hashes text[], streams text[], event_versions integer[], ids text[], hashes text[], bodies text[], in_order integer[], contacts text[], reached integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[], tags text[], added integer[], added_to integer[], added_keys text[], removed integer[], removed_from integer[], removed_keys text[], counted text[], counted_versions integer[], counts text[], count_keys integer[], state_of text[], state_versions integer[], reducers integer[], states text[])
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
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
  IF EXISTS (SELECT FROM "enfold".migrations m WHERE m.version > known) THEN
    RETURN NULL;
  END IF;
  FOR i IN 1 .. cardinality(required) LOOP
    -- As in expecting: announced before the look.
    is_locked := pg_advisory_xact_lock_shared("enfold".required_class(), hashtext(required[i])) IS NULL;
    IF required_versions[i] <> coalesce(
      (SELECT e.version FROM "enfold".events e WHERE e.stream = required[i] ORDER BY e.version DESC LIMIT 1), 0
    ) THEN
      RETURN NULL;
    END IF;
  END LOOP;
  -- The caller saw them some time ago. Others may have come since, and a server that took over need not have them all.
  IF cardinality(seen) > 0 AND cardinality(seen) <> (
    SELECT count(*) FROM unnest(seen, seen_versions, seen_hashes) AS s (stream, version, hash)
    JOIN "enfold".events e ON e.stream = s.stream AND e.version = s.version
    AND e.hash IS NOT DISTINCT FROM decode(s.hash, 'hex')
    WHERE NOT EXISTS (SELECT FROM "enfold".events l WHERE l.stream = s.stream AND l.version = s.version + 1)
  ) THEN
    RETURN NULL;
  END IF;

  -- Announced before a number is drawn, and held until the transaction ends: see read_events.
  is_locked := pg_advisory_xact_lock_shared(
    "enfold".lock_class(false), pg_sequence_last_value('"enfold".positions')::bit(32)::integer
  ) IS NULL;
  FOR i IN 1 .. cardinality(ids) LOOP
    event_positions[in_order[i]] := nextval('"enfold".positions');
  END LOOP;
  -- Where another append is at it now, this waits for it, and then is an error that ends the transaction. ON CONFLICT would
  -- look at three indexes before each row and take a lock for it.
  IF cardinality(ids) = 1 THEN
    INSERT INTO "enfold".events (position, version, stream, id, hash, body)
    VALUES (event_positions[1], event_versions[1], streams[1], ids[1], decode(hashes[1], 'hex'), bodies[1]);
  ELSE
    INSERT INTO "enfold".events (position, version, stream, id, hash, body)
    SELECT e.position, e.version, e.stream, e.id, decode(e.hash, 'hex'), e.body
    FROM unnest(event_positions, event_versions, streams, ids, hashes, bodies) AS e (position, version, stream, id, hash, body);
  END IF;

  -- A tag that has keys, or none of which anybody was told, and a contact that loses all its tags are for project.
  FOR i IN 1 .. cardinality(tags) LOOP
    tag_ids[i] := (SELECT CASE WHEN NOT t.keyed THEN t.id END FROM "enfold".tags t WHERE t.tag = tags[i]);
  END LOOP;
  IF true = ANY (cleared) OR '' <> ANY (added_keys) OR '' <> ANY (removed_keys) OR array_position(tag_ids, NULL) IS NOT NULL THEN
    PERFORM "enfold".project(
      contacts, reached, wakes, kinds, campaigns, others, cleared, added_to || removed_from,
      ARRAY(SELECT tags[n] FROM unnest(added || removed) WITH ORDINALITY AS c (n, i) ORDER BY c.i), added_keys || removed_keys,
      array_fill(true, ARRAY[cardinality(added)]) || array_fill(false, ARRAY[cardinality(removed)])
    );
  ELSE
    IF cardinality(contacts) = 1 THEN
      IF event_versions[1] > 1 THEN
        UPDATE "enfold".agenda a SET version = reached[1], wake_at = wakes[1], kind = kinds[1], campaign = campaigns[1],
          others = append_known.others[1]::jsonb WHERE a.contact = contacts[1];
      END IF;
      IF event_versions[1] = 1 OR NOT FOUND THEN
        INSERT INTO "enfold".agenda (contact, version, wake_at, kind, campaign, others)
        VALUES (contacts[1], reached[1], wakes[1], kinds[1], campaigns[1], others[1]::jsonb);
      END IF;
    ELSIF cardinality(contacts) > 1 THEN
      INSERT INTO "enfold".agenda (contact, version, wake_at, kind, campaign, others)
      SELECT d.contact, d.version, d.wake, d.kind, d.campaign, d.others::jsonb
      FROM unnest(contacts, reached, wakes, kinds, campaigns, others) AS d (contact, version, wake, kind, campaign, others)
      ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
        campaign = excluded.campaign, others = excluded.others;
    END IF;
    IF cardinality(added) = 1 THEN
      INSERT INTO "enfold".memberships (tag, contact) VALUES (tag_ids[added[1]], contacts[added_to[1]]) ON CONFLICT DO NOTHING;
      IF FOUND THEN
        INSERT INTO "enfold".tag_counts (tag, members) VALUES (tag_ids[added[1]], 1) RETURNING entry INTO number;
        fold := number % 256 = 0;
      END IF;
    ELSIF cardinality(added) > 1 THEN
      WITH came AS (
        INSERT INTO "enfold".memberships (tag, contact)
        SELECT tag_ids[c.tag], contacts[c.of] FROM unnest(added, added_to) AS c (tag, of)
        ON CONFLICT DO NOTHING RETURNING tag
      ), difference AS (
        INSERT INTO "enfold".tag_counts (tag, members) SELECT c.tag, count(*) FROM came c GROUP BY c.tag RETURNING entry
      )
      SELECT coalesce(bool_or(d.entry % 256 = 0), false) INTO fold FROM difference d;
    END IF;
    IF cardinality(removed) = 1 THEN
      DELETE FROM "enfold".memberships m WHERE m.tag = tag_ids[removed[1]] AND m.contact = contacts[removed_from[1]];
      IF FOUND THEN
        INSERT INTO "enfold".tag_counts (tag, members) VALUES (tag_ids[removed[1]], -1) RETURNING entry INTO number;
        fold := fold OR number % 256 = 0;
      END IF;
    ELSIF cardinality(removed) > 1 THEN
      WITH went AS (
        DELETE FROM "enfold".memberships m USING unnest(removed, removed_from) AS c (tag, of)
        WHERE m.tag = tag_ids[c.tag] AND m.contact = contacts[c.of] RETURNING m.tag
      ), difference AS (
        INSERT INTO "enfold".tag_counts (tag, members) SELECT w.tag, -count(*) FROM went w GROUP BY w.tag RETURNING entry
      )
      SELECT coalesce(bool_or(d.entry % 256 = 0), false) INTO folds FROM difference d;
      fold := fold OR folds;
    END IF;
    IF fold THEN
      PERFORM "enfold".sum_tag_counts(tag_ids);
    END IF;
  END IF;

  FOR i IN 1 .. cardinality(counted) LOOP
    INSERT INTO "enfold".counters (campaign, version, counts) VALUES (counted[i], counted_versions[i], counts[i]::jsonb)
    RETURNING entry INTO number;
    IF number % "enfold".counters_apart(count_keys[i]) = 0 THEN
      PERFORM "enfold".sum_counters(counted[i], counted_versions[i]);
    END IF;
  END LOOP;
  IF cardinality(state_of) > 0 THEN
    PERFORM "enfold".keep_states(state_of, state_versions, reducers, states);
  END IF;
  RETURN array_to_string(event_positions, ',');
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.apply(contacts text[], versions integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[], tag_of integer[], tags text[], keys text[], added boolean[], upto bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  news text[];
BEGIN
  -- One after the other: two who project the same log would overtake each other.
  PERFORM FROM "enfold".checkpoint FOR UPDATE;
  INSERT INTO "enfold".agenda (contact, version, kind, campaign)
  SELECT DISTINCT c COLLATE "C", 0, '', '' FROM unnest(contacts) c ORDER BY 1 ON CONFLICT DO NOTHING;
  PERFORM FROM "enfold".agenda a WHERE a.contact = ANY (contacts) ORDER BY a.contact FOR UPDATE;
  news := ARRAY(
    SELECT CASE WHEN c.version > greatest(a.version, max(c.version) OVER (
      PARTITION BY c.contact ORDER BY c.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )) THEN c.contact END
    FROM unnest(contacts, versions) WITH ORDINALITY AS c (contact, version, n) JOIN "enfold".agenda a ON a.contact = c.contact
    ORDER BY c.n
  );
  PERFORM "enfold".project(news, versions, wakes, kinds, campaigns, others, cleared, tag_of, tags, keys, added);
  UPDATE "enfold".checkpoint SET position = greatest(position, upto);
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.besides(closed text[])
 RETURNS TABLE(contact text, kind text, claimable_at bigint)
 LANGUAGE plpgsql
 STABLE ROWS 100
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  RETURN QUERY SELECT a.contact, o.kind, greatest(o.wake, a.lease_until)
  FROM unnest(closed) c (kind) CROSS JOIN LATERAL (
    SELECT b.* FROM "enfold".agenda b WHERE b.others IS NOT NULL AND b.kind = c.kind
    AND EXISTS (SELECT FROM jsonb_array_elements(b.others) e WHERE e ->> 1 <> ALL (closed))
    ORDER BY b.other_at LIMIT 500
  ) a CROSS JOIN LATERAL (
    SELECT e ->> 1 AS kind, (e ->> 0)::bigint AS wake FROM jsonb_array_elements(a.others) WITH ORDINALITY AS l (e, n)
    WHERE e ->> 1 <> ALL (closed) ORDER BY l.n LIMIT 1
  ) o;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.claim_due(now_ms bigint, by_worker text, most integer, until_ms bigint, limited text[], rooms integer[])
 RETURNS TABLE(contact text, wake_at bigint, kind text)
 LANGUAGE plpgsql
 ROWS 50
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
  INTO kinds, campaigns FROM "enfold".lanes() l WHERE l.claimable_at <= now_ms;
  open := ARRAY(SELECT generate_series(1, cardinality(kinds)));
  -- Contacts that are due for a closed kind first, and for an open one too, take their share as one lane more.
  closed := ARRAY(SELECT l.kind FROM unnest(limited, rooms) AS l (kind, room) WHERE l.room = 0);
  IF cardinality(closed) > 0 THEN
    share := CASE WHEN coalesce(cardinality(open), 0) = 0 THEN most
      ELSE most / (cardinality(open) + 1) + CASE WHEN random() * (cardinality(open) + 1) < most % (cardinality(open) + 1) THEN 1 ELSE 0 END END;
    FOR found IN SELECT b.contact, b.kind FROM "enfold".besides(closed) b WHERE b.claimable_at <= now_ms ORDER BY b.claimable_at LOOP
      EXIT WHEN share = 0;
      k := array_position(limited, found.kind);
      CONTINUE WHEN k IS NOT NULL AND rooms[k] = 0;
      RETURN QUERY WITH due AS MATERIALIZED (
        SELECT a.contact FROM "enfold".agenda a
        WHERE a.contact = found.contact AND a.kind = ANY (closed) AND a.claimable_at <= now_ms
        AND EXISTS (SELECT FROM jsonb_array_elements(a.others) e WHERE e ->> 1 = found.kind AND (e ->> 0)::bigint <= now_ms)
        FOR UPDATE SKIP LOCKED
      )
      UPDATE "enfold".agenda a SET lease_until = until_ms, worker = by_worker FROM due
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
        SELECT a.contact FROM "enfold".agenda a
        WHERE a.kind = kinds[n] AND a.campaign = campaigns[n] AND a.claimable_at <= now_ms
        ORDER BY a.claimable_at LIMIT wanted FOR UPDATE SKIP LOCKED
      )
      UPDATE "enfold".agenda a SET lease_until = until_ms, worker = by_worker FROM due
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
$function$
;

CREATE OR REPLACE FUNCTION enfold.correct_counters(changes text, of_revision integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  UPDATE "enfold".counters_state SET revision = revision + 1, complete = true WHERE revision = of_revision;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM "enfold".count_appended('a', ARRAY[changes]);
  RETURN true;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.count_appended(outcomes text, changes text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
  one record;
BEGIN
  -- One append, as most commands have: nothing is to be added up.
  IF cardinality(changes) = 1 THEN
    IF outcomes <> 'a' OR changes[1] IS NULL THEN
      RETURN;
    END IF;
    FOR one IN
      INSERT INTO "enfold".counters (campaign, version, counts)
      SELECT c ->> 0, (c ->> 1)::integer, c -> 2 FROM jsonb_array_elements(changes[1]::jsonb) c
      RETURNING campaign, version, entry, counts
    LOOP
      IF one.entry % "enfold".counters_apart((SELECT count(*) FROM jsonb_object_keys(one.counts))::integer) = 0 THEN
        PERFORM "enfold".sum_counters(one.campaign, one.version);
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
    INSERT INTO "enfold".counters (campaign, version, counts)
    SELECT s.campaign, s.version, jsonb_object_agg(s.key, s.count) FROM summed s GROUP BY s.campaign, s.version
    RETURNING campaign, version, entry, counts
  LOOP
    IF one.entry % "enfold".counters_apart((SELECT count(*) FROM jsonb_object_keys(one.counts))::integer) = 0 THEN
      PERFORM "enfold".sum_counters(one.campaign, one.version);
    END IF;
  END LOOP;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.count_batch(since bigint, changes text, is_complete boolean)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF since IS NULL THEN
    RETURN true;
  END IF;
  IF since <> (SELECT c.position FROM "enfold".checkpoint c FOR UPDATE) THEN
    RETURN false;
  END IF;
  PERFORM "enfold".count_appended('a', ARRAY[changes]);
  IF NOT is_complete THEN
    UPDATE "enfold".counters_state SET revision = revision + 1, complete = false;
  END IF;
  RETURN true;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.counters_apart(keys integer)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT greatest(1, 256 / (1 + keys / 8))::bigint
$function$
;

CREATE OR REPLACE FUNCTION enfold.counters_at()
 RETURNS TABLE(what text, id text, version integer, counts text, revision integer, complete boolean, "position" bigint)
 LANGUAGE plpgsql
 ROWS 100
 SET jit TO 'off'
AS $function$
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
  last := (SELECT p.last_value FROM "enfold".positions p);
  SELECT least(last, min(last + CASE WHEN ahead >= 2147483648 THEN ahead - 4294967296 ELSE ahead END)) INTO safe
  FROM (
    SELECT (l.objid::bigint - (last & 4294967295) + 4294967296) % 4294967296 AS ahead FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 2
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.classid = "enfold".lock_class(false)::oid
  ) announced;
  RETURN QUERY
    SELECT 'counters', c.campaign::text, c.version, c.counts::text, NULL::integer, NULL::boolean, NULL::bigint
    FROM "enfold".counters c
    UNION ALL
    SELECT 'ahead', e.stream::text, max(e.version), NULL, NULL, NULL, NULL FROM "enfold".events e
    WHERE e.position > safe AND e.stream || '' >= 'contact-' AND e.stream || '' < 'contact.' GROUP BY e.stream
    UNION ALL
    SELECT 'state', NULL, NULL, NULL, s.revision, s.complete,
      CASE WHEN EXISTS (SELECT FROM "enfold".events) THEN safe ELSE (SELECT c.position FROM "enfold".checkpoint c) END
    FROM "enfold".counters_state s;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.expecting(expected integer[], required_by integer[], required text[], required_versions integer[])
 RETURNS integer[]
 LANGUAGE plpgsql
AS $function$
DECLARE
  i       integer;
  version integer;
BEGIN
  FOR i IN 1 .. cardinality(required_by) LOOP
    IF i = 1 OR required[i] <> required[i - 1] THEN
      PERFORM pg_advisory_xact_lock_shared("enfold".required_class(), hashtext(required[i]));
      version := (SELECT e.version FROM "enfold".events e WHERE e.stream = required[i] ORDER BY e.version DESC LIMIT 1);
    END IF;
    IF coalesce(version, 0) <> required_versions[i] THEN
      expected[required_by[i]] := -1;
    END IF;
  END LOOP;
  RETURN expected;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.is_current(known integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  RETURN NOT EXISTS (SELECT FROM "enfold".migrations m WHERE m.version > known);
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.keep_appended(outcomes text, versions text, sizes integer[], state_of integer[], contacts text[], reducers integer[], bodies text[])
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
  came text[]    := string_to_array(outcomes, ',');
  were integer[] := string_to_array(versions, ',')::integer[];
BEGIN
  PERFORM "enfold".keep_states(
    ARRAY(SELECT CASE WHEN came[state_of[i]] = 'a' THEN contacts[i] END FROM generate_subscripts(contacts, 1) i ORDER BY i),
    ARRAY(SELECT were[state_of[i]] + sizes[state_of[i]] FROM generate_subscripts(contacts, 1) i ORDER BY i),
    reducers, bodies);
  RETURN '';
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.keep_applied(answer text, contacts text[], versions integer[], reducers integer[], bodies text[])
 RETURNS text
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  PERFORM "enfold".keep_states(
    ARRAY(
      SELECT (SELECT a.contact FROM "enfold".agenda a WHERE a.contact = contacts[i] AND a.version = versions[i])
      FROM generate_subscripts(contacts, 1) i ORDER BY i
    ), versions, reducers, bodies);
  RETURN answer;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.keep_restored(restored boolean, of_contact text, of_version integer, of_reducer integer, of_state text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  IF restored AND of_state IS NULL THEN
    DELETE FROM "enfold".states s WHERE s.contact = of_contact;
  ELSIF restored THEN
    PERFORM "enfold".keep_states(ARRAY[of_contact], ARRAY[of_version], ARRAY[of_reducer], ARRAY[of_state]);
  END IF;
  RETURN restored;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.keep_states(contacts text[], versions integer[], reducers integer[], bodies text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  FOR i IN 1 .. cardinality(contacts) LOOP
    CONTINUE WHEN contacts[i] IS NULL;
    INSERT INTO "enfold".states AS s (contact, version, reducer, state) VALUES (contacts[i], versions[i], reducers[i], bodies[i])
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, reducer = excluded.reducer, state = excluded.state;
  END LOOP;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.lanes()
 RETURNS TABLE(kind text, campaign text, claimable_at bigint)
 LANGUAGE plpgsql
 STABLE ROWS 10
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  RETURN QUERY WITH RECURSIVE lane AS (
    (
      SELECT a.kind, a.campaign, a.claimable_at FROM "enfold".agenda a
      WHERE a.claimable_at IS NOT NULL ORDER BY a.kind, a.campaign, a.claimable_at LIMIT 1
    ) UNION ALL (
      SELECT following.* FROM lane l CROSS JOIN LATERAL (
        SELECT a.kind, a.campaign, a.claimable_at FROM "enfold".agenda a
        WHERE a.claimable_at IS NOT NULL AND (a.kind, a.campaign) > (l.kind, l.campaign)
        ORDER BY a.kind, a.campaign, a.claimable_at LIMIT 1
      ) following
    )
  ) SELECT * FROM lane;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.lock_class(of_campaigns boolean)
 RETURNS integer
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
  SELECT (CASE WHEN of_campaigns THEN '"enfold".events_of_campaigns' ELSE '"enfold".events' END)::regclass::oid::integer
$function$
;

CREATE OR REPLACE FUNCTION enfold.project(contacts text[], versions integer[], wakes bigint[], kinds text[], campaigns text[], others text[], cleared boolean[], tag_of integer[], tags text[], keys text[], added boolean[])
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
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
    INSERT INTO "enfold".agenda (contact, version, wake_at, kind, campaign, others)
    VALUES (contacts[1], versions[1], wakes[1], kinds[1], campaigns[1], others[1]::jsonb)
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
      campaign = excluded.campaign, others = excluded.others;
    FOR n IN 1 .. cardinality(tags) LOOP
      SELECT t.id, t.keyed INTO tag_id, is_keyed FROM "enfold".tags t WHERE t.tag = tags[n];
      IF is_keyed THEN
        fold := "enfold".project_key(tag_id, contacts[1], '', added[n]) OR fold;
        CONTINUE;
      END IF;
      IF added[n] THEN
        IF tag_id IS NULL THEN
          INSERT INTO "enfold".tags (tag) VALUES (tags[n]) ON CONFLICT DO NOTHING;
          SELECT t.id INTO tag_id FROM "enfold".tags t WHERE t.tag = tags[n];
        END IF;
        INSERT INTO "enfold".memberships (tag, contact) VALUES (tag_id, contacts[1]) ON CONFLICT DO NOTHING;
      ELSE
        DELETE FROM "enfold".memberships m WHERE m.tag = tag_id AND m.contact = contacts[1];
      END IF;
      IF FOUND THEN
        INSERT INTO "enfold".tag_counts (tag, members) VALUES (tag_id, CASE WHEN added[n] THEN 1 ELSE -1 END)
        RETURNING entry INTO number;
        fold := fold OR number % 256 = 0;
      END IF;
    END LOOP;
  ELSE
    INSERT INTO "enfold".agenda (contact, version, wake_at, kind, campaign, others)
    SELECT DISTINCT ON (d.contact COLLATE "C") d.contact, d.version, d.wake, d.kind, d.campaign, d.others::jsonb
    FROM unnest(contacts, versions, wakes, kinds, campaigns, others)
      WITH ORDINALITY AS d (contact, version, wake, kind, campaign, others, n)
    WHERE d.contact IS NOT NULL ORDER BY d.contact COLLATE "C", d.n DESC
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, wake_at = excluded.wake_at, kind = excluded.kind,
      campaign = excluded.campaign, others = excluded.others;

    IF true = ANY (cleared) THEN
      WITH gone AS (
        DELETE FROM "enfold".memberships m USING unnest(contacts, cleared) AS c (contact, clear)
        WHERE c.clear AND m.contact = c.contact RETURNING m.tag, m.contact
      ), gone_keys AS (
        DELETE FROM "enfold".membership_keys k USING gone g
        WHERE k.tag = g.tag AND k.contact = g.contact RETURNING k.tag, k.contact
      )
      INSERT INTO "enfold".tag_counts (tag, members, more)
      SELECT g.tag, -count(*), coalesce(sum(1 - k.keys), 0) FROM gone g LEFT JOIN (
        SELECT k.tag, k.contact, count(*) AS keys FROM gone_keys k GROUP BY k.tag, k.contact
      ) k ON k.tag = g.tag AND k.contact = g.contact GROUP BY g.tag;
    END IF;

    IF cardinality(tags) > 0 THEN
      INSERT INTO "enfold".tags (tag)
      SELECT DISTINCT c.tag COLLATE "C" FROM unnest(tags, added) AS c (tag, added)
      WHERE c.added AND NOT EXISTS (SELECT FROM "enfold".tags t WHERE t.tag = c.tag) ORDER BY 1
      ON CONFLICT DO NOTHING;
      IF '' <> ANY (keys) THEN
        UPDATE "enfold".tags t SET keyed = true WHERE t.id IN (
          SELECT s.id FROM "enfold".tags s WHERE NOT s.keyed
          AND s.tag = ANY (ARRAY(SELECT c.tag FROM unnest(tags, keys, added) AS c (tag, key, added) WHERE c.added AND c.key <> ''))
          ORDER BY s.id FOR UPDATE
        );
      END IF;
      WITH change AS MATERIALIZED (
        SELECT DISTINCT ON (t.id, contacts[c.of] COLLATE "C", c.key COLLATE "C")
          t.id AS tag, t.keyed, contacts[c.of] AS contact, c.key, c.added
        FROM unnest(tag_of, tags, keys, added) WITH ORDINALITY AS c (of, tag, key, added, n)
        JOIN "enfold".tags t ON t.tag = c.tag
        WHERE contacts[c.of] IS NOT NULL AND (t.keyed OR c.key = '')
        -- What was changed before the contact lost all its tags does not count.
        AND (NOT true = ANY (cleared) OR NOT EXISTS (
          SELECT FROM unnest(contacts, cleared) WITH ORDINALITY AS l (contact, clear, n)
          WHERE l.clear AND l.n > c.of AND l.contact = contacts[c.of]
        ))
        ORDER BY t.id, contacts[c.of] COLLATE "C", c.key COLLATE "C", c.n DESC
      ), came AS (
        INSERT INTO "enfold".memberships (tag, contact) SELECT c.tag, c.contact FROM change c WHERE c.added AND NOT c.keyed
        ON CONFLICT DO NOTHING RETURNING tag
      ), went AS (
        DELETE FROM "enfold".memberships m USING change c
        WHERE NOT c.added AND NOT c.keyed AND m.tag = c.tag AND m.contact = c.contact RETURNING m.tag
      ), difference AS (
        INSERT INTO "enfold".tag_counts (tag, members)
        SELECT d.tag, sum(d.by) FROM (SELECT a.tag, 1 AS by FROM came a UNION ALL SELECT w.tag, -1 FROM went w) d
        GROUP BY d.tag HAVING sum(d.by) <> 0 RETURNING entry
      )
      SELECT coalesce(bool_or(d.entry % 256 = 0), false),
        ARRAY(SELECT jsonb_build_array(c.tag, c.contact, c.key, c.added) FROM change c WHERE c.keyed)
      INTO fold, keyed FROM difference d;
      FOREACH one IN ARRAY keyed LOOP
        fold := "enfold".project_key((one ->> 0)::integer, one ->> 1, one ->> 2, (one ->> 3)::boolean) OR fold;
      END LOOP;
    END IF;
  END IF;

  IF fold THEN
    PERFORM "enfold".sum_tag_counts(ARRAY(SELECT t.id FROM "enfold".tags t WHERE t.tag = ANY (tags)));
  END IF;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.project_key(of_tag integer, of_contact text, of_key text, is_added boolean)
 RETURNS boolean
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  before text[] := ARRAY(
    SELECT coalesce(k.key, '') FROM "enfold".memberships m
    LEFT JOIN "enfold".membership_keys k ON k.tag = m.tag AND k.contact = m.contact
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
    INSERT INTO "enfold".memberships (tag, contact) VALUES (of_tag, of_contact);
  ELSIF cardinality(result) = 0 THEN
    DELETE FROM "enfold".memberships m WHERE m.tag = of_tag AND m.contact = of_contact;
  END IF;
  -- Without a key alone, it needs no row.
  kept := CASE WHEN '' <> ANY (result) THEN result ELSE ARRAY[]::text[] END;
  DELETE FROM "enfold".membership_keys k WHERE k.tag = of_tag AND k.contact = of_contact AND k.key <> ALL (kept);
  INSERT INTO "enfold".membership_keys (tag, contact, key) SELECT of_tag, of_contact, k FROM unnest(kept) k
  ON CONFLICT DO NOTHING;
  INSERT INTO "enfold".tag_counts (tag, members, more) VALUES (
    of_tag, least(cardinality(result), 1) - least(cardinality(before), 1),
    greatest(cardinality(result), 1) - greatest(cardinality(before), 1)
  ) RETURNING entry INTO number;
  RETURN number % 256 = 0;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.read_events(after bigint, size integer, wanted text)
 RETURNS TABLE("position" bigint, version integer, stream text, id text, hash text, body text)
 LANGUAGE plpgsql
 ROWS 100
AS $function$
DECLARE
  last    bigint;
  safe    bigint;
  given   bigint;
BEGIN
  -- Each statement must see what was committed before it.
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'the log must be read in READ COMMITTED' USING ERRCODE = 'EF002';
  END IF;
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'what announces an append is not replicated' USING ERRCODE = 'EF003';
  END IF;
  last := (SELECT p.last_value FROM "enfold".positions p);
  -- Announced are the lower 32 bits, which tell for the two thousand million numbers around the last.
  SELECT least(last, min(last + CASE WHEN ahead >= 2147483648 THEN ahead - 4294967296 ELSE ahead END)) INTO safe
  FROM (
    SELECT (l.objid::bigint - (last & 4294967295) + 4294967296) % 4294967296 AS ahead FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 2
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.classid = "enfold".lock_class(wanted = 'campaigns')::oid
  ) announced;
  IF wanted = 'campaigns' THEN
    RETURN QUERY SELECT e.position, e.version, e.stream, e.id, encode(e.hash, 'hex'), e.body FROM "enfold".events e
    WHERE e.position > after AND e.position <= safe AND e.stream >= 'campaign-' AND e.stream < 'campaign.'
    ORDER BY e.position LIMIT size;
  ELSIF wanted = 'contacts' THEN
    -- Added to nothing, the stream does not ask for the index of streams, by which all would be found and then sorted.
    RETURN QUERY SELECT e.position, e.version, e.stream, e.id, encode(e.hash, 'hex'), e.body FROM "enfold".events e
    WHERE e.position > after AND e.position <= safe AND e.stream || '' >= 'contact-' AND e.stream || '' < 'contact.'
    ORDER BY e.position LIMIT size;
  ELSE
    RETURN QUERY SELECT e.position, e.version, e.stream, e.id, encode(e.hash, 'hex'), e.body FROM "enfold".events e
    WHERE e.position > after AND e.position <= safe ORDER BY e.position LIMIT size;
  END IF;
  GET DIAGNOSTICS given = ROW_COUNT;
  IF given < size THEN
    RETURN QUERY SELECT coalesce(max(e.position), 0), 0, ''::text, ''::text, NULL::text, ''::text
    FROM "enfold".events e WHERE e.position <= safe;
  END IF;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.read_tails(streams text[], ids text[], id_of integer[], campaigns_after bigint)
 RETURNS TABLE(n text, what text, "position" text, version text, id text, hash text, body text)
 LANGUAGE plpgsql
 STABLE ROWS 50
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  kept  record;
  since integer;
BEGIN
  FOR i IN 1 .. cardinality(streams) LOOP
    since := 1;
    SELECT s.version, s.reducer, s.state INTO kept FROM "enfold".states s WHERE s.contact = substr(streams[i], 9);
    IF FOUND THEN
      since := kept.version;
      RETURN QUERY SELECT i::text, 's', '0', kept.version::text, '', kept.reducer::text, kept.state;
    END IF;
    RETURN QUERY SELECT i::text, 'e', e.position::text, e.version::text, e.id, encode(e.hash, 'hex'), e.body
    FROM "enfold".events e WHERE e.stream = streams[i] AND e.version >= since ORDER BY e.version;
  END LOOP;
  FOR i IN 1 .. cardinality(ids) LOOP
    IF EXISTS (SELECT FROM "enfold".events e WHERE e.id = ids[i] AND e.stream = streams[id_of[i]]) THEN
      RETURN QUERY SELECT id_of[i]::text, 'r', '0', '0', '', NULL::text, '';
    END IF;
  END LOOP;
  IF campaigns_after IS NOT NULL AND EXISTS (
    SELECT FROM "enfold".events e
    WHERE e.position > campaigns_after AND e.stream >= 'campaign-' AND e.stream < 'campaign.'
  ) THEN
    RETURN QUERY SELECT '0', 'c', '0', '0', '', NULL::text, '';
  END IF;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.required_class()
 RETURNS integer
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
  SELECT '"enfold".events_place'::regclass::oid::integer
$function$
;

CREATE OR REPLACE FUNCTION enfold.requiring(of_stream text)
 RETURNS SETOF text
 LANGUAGE sql
 STABLE
AS $function$
  SELECT DISTINCT l.virtualtransaction FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.objsubid = 2
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.classid = "enfold".required_class()::oid AND l.objid = hashtext(of_stream)::oid
$function$
;

CREATE OR REPLACE FUNCTION enfold.restore(of_contact text, of_version integer, wake bigint, of_kind text, of_campaign text, of_others text, of_tags text[], of_keys text[])
 RETURNS boolean
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  projected integer;
  recorded  integer;
BEGIN
  INSERT INTO "enfold".agenda (contact, version, kind, campaign) VALUES (of_contact, 0, '', '') ON CONFLICT DO NOTHING;
  SELECT a.version INTO projected FROM "enfold".agenda a WHERE a.contact = of_contact FOR UPDATE;
  -- An append that comes now waits for the row, and goes on from what is made of it here.
  SELECT e.version INTO recorded FROM "enfold".events e WHERE e.stream = 'contact-' || of_contact ORDER BY e.version DESC LIMIT 1;
  -- Apart from its log there are no streams here: then what was projected last is what is known.
  IF of_version <> coalesce(recorded, CASE WHEN of_version = 0 THEN 0 ELSE greatest(projected, of_version) END) THEN
    RETURN false;
  END IF;
  PERFORM "enfold".project(
    ARRAY[of_contact], ARRAY[of_version], ARRAY[wake], ARRAY[of_kind], ARRAY[of_campaign], ARRAY[of_others], ARRAY[true],
    array_fill(1, ARRAY[cardinality(of_tags)]), of_tags, of_keys, array_fill(true, ARRAY[cardinality(of_tags)])
  );
  RETURN true;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.save_action(of_id text, of_revision integer, of_record text, clear boolean, contacts text[], keys text[], numbers integer[], outcomes text[], runs integer[], reasons text[], runs_of text[])
 RETURNS integer
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  of_action integer;
  added     integer;
BEGIN
  IF of_revision = 1 THEN
    INSERT INTO "enfold".actions (revision, id, record) VALUES (1, of_id, of_record) ON CONFLICT DO NOTHING
    RETURNING actions.number INTO of_action;
  ELSE
    UPDATE "enfold".actions a SET revision = of_revision, record = of_record
    WHERE a.id = of_id AND a.revision = of_revision - 1 RETURNING a.number INTO of_action;
  END IF;
  IF of_action IS NULL THEN
    RETURN NULL;
  END IF;
  IF clear THEN
    DELETE FROM "enfold".action_contacts c WHERE c.action = of_action;
  END IF;
  -- Each once, at its first place; without gaps, those that are there already left out.
  INSERT INTO "enfold".action_contacts (action, number, contact, key)
  SELECT of_action, coalesce((SELECT max(c.number) FROM "enfold".action_contacts c WHERE c.action = of_action), 0)
    + row_number() OVER (ORDER BY one.n), one.contact, one.key
  FROM (
    SELECT g.contact, g.key, min(g.n) AS n FROM unnest(contacts, keys) WITH ORDINALITY AS g (contact, key, n)
    GROUP BY g.contact, g.key
  ) one
  WHERE NOT EXISTS (
    SELECT FROM "enfold".action_contacts c WHERE c.action = of_action AND c.contact = one.contact AND c.key = one.key
  );
  GET DIAGNOSTICS added = ROW_COUNT;
  UPDATE "enfold".action_contacts c SET outcome = r.outcome, run = r.run, reason = r.reason, runs = r.runs_of
  FROM (
    SELECT DISTINCT ON (g.number) g.* FROM unnest(numbers, outcomes, runs, reasons, runs_of) WITH ORDINALITY
      AS g (number, outcome, run, reason, runs_of, n) ORDER BY g.number, g.n DESC
  ) r
  WHERE c.action = of_action AND c.number = r.number;
  RETURN added;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.sum_counters(of_campaign text, of_version integer)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  -- Elsewhere than in READ COMMITTED, rows that others have summed up would be an error.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RETURN;
  END IF;
  WITH gone AS (
    DELETE FROM "enfold".counters c WHERE c.ctid = ANY (ARRAY(
      SELECT s.ctid FROM "enfold".counters s
      WHERE s.campaign = of_campaign AND s.version = of_version FOR UPDATE SKIP LOCKED
    )) RETURNING c.counts
  ), summed AS (
    SELECT e.key, sum(e.value::bigint) AS count FROM gone g CROSS JOIN LATERAL jsonb_each_text(g.counts) e
    GROUP BY e.key HAVING sum(e.value::bigint) <> 0
  )
  INSERT INTO "enfold".counters (campaign, version, counts)
  SELECT of_campaign, of_version, jsonb_object_agg(s.key, s.count) FROM summed s HAVING count(*) > 0;
END
$function$
;

CREATE OR REPLACE FUNCTION enfold.sum_tag_counts(of_tags integer[])
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  -- Elsewhere than in READ COMMITTED, rows that others have summed up would be an error.
  IF current_setting('transaction_isolation') = 'read committed' THEN
    WITH summed AS (
      DELETE FROM "enfold".tag_counts t WHERE t.ctid = ANY (ARRAY(
        SELECT s.ctid FROM "enfold".tag_counts s WHERE s.tag = ANY (of_tags) FOR UPDATE OF s SKIP LOCKED
      )) RETURNING t.tag, t.members, t.more
    )
    INSERT INTO "enfold".tag_counts (tag, members, more)
    SELECT s.tag, sum(s.members), sum(s.more) FROM summed s GROUP BY s.tag;
  END IF;
END
$function$
;
