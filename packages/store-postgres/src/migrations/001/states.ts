/** The state of contacts with long streams, folded up to a version, so that a command need not read all of them. */
export const sql = (schema: string) => /* sql */ `
CREATE TABLE ${schema}.states (
  contact text    COLLATE "C" NOT NULL CONSTRAINT states_contact PRIMARY KEY,
  -- Of the contact's stream: what the state is of. Later events are folded on top.
  version integer NOT NULL,
  -- Of the code that made it; another makes it again.
  reducer integer NOT NULL,
  state   text    NOT NULL
);

-- For each stream the state that is kept of its contact (what: s) and the events from its version on (e), all of them
-- where none is kept; and r if any of its ids stands in it. One row more (c) if a campaign was published after a position
-- (NULL: not asked). In one function, whose plans are kept.
CREATE FUNCTION ${schema}.read_tails(streams text[], ids text[], id_of integer[], campaigns_after bigint)
RETURNS TABLE (n text, what text, "position" text, version text, id text, hash text, body text)
LANGUAGE plpgsql STABLE ROWS 50
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  kept  record;
  since integer;
BEGIN
  FOR i IN 1 .. cardinality(streams) LOOP
    since := 1;
    SELECT s.version, s.reducer, s.state INTO kept FROM ${schema}.states s WHERE s.contact = substr(streams[i], 9);
    IF FOUND THEN
      since := kept.version;
      RETURN QUERY SELECT i::text, 's', '0', kept.version::text, '', kept.reducer::text, kept.state;
    END IF;
    RETURN QUERY SELECT i::text, 'e', e.position::text, e.version::text, e.id, encode(e.hash, 'hex'), e.body
    FROM ${schema}.events e WHERE e.stream = streams[i] AND e.version >= since ORDER BY e.version;
  END LOOP;
  FOR i IN 1 .. cardinality(ids) LOOP
    IF EXISTS (SELECT FROM ${schema}.events e WHERE e.id = ids[i] AND e.stream = streams[id_of[i]]) THEN
      RETURN QUERY SELECT id_of[i]::text, 'r', '0', '0', '', NULL::text, '';
    END IF;
  END LOOP;
  IF campaigns_after IS NOT NULL AND EXISTS (
    SELECT FROM ${schema}.events e
    WHERE e.position > campaigns_after AND e.stream >= 'campaign-' AND e.stream < 'campaign.'
  ) THEN
    RETURN QUERY SELECT '0', 'c', '0', '0', '', NULL::text, '';
  END IF;
END
$enfold$;

-- Keeps states, in the order given; NULL: no contact.
CREATE FUNCTION ${schema}.keep_states(contacts text[], versions integer[], reducers integer[], bodies text[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
BEGIN
  FOR i IN 1 .. cardinality(contacts) LOOP
    CONTINUE WHEN contacts[i] IS NULL;
    INSERT INTO ${schema}.states AS s (contact, version, reducer, state) VALUES (contacts[i], versions[i], reducers[i], bodies[i])
    ON CONFLICT (contact) DO UPDATE SET version = excluded.version, reducer = excluded.reducer, state = excluded.state;
  END LOOP;
END
$enfold$;

-- Those of appends that were written: the answer of append, how many events each of them has, and for each state the
-- number of its append. Called for the answer, so after it.
CREATE FUNCTION ${schema}.keep_appended(
  outcomes text, versions text, sizes integer[], state_of integer[], contacts text[], reducers integer[], bodies text[]
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $enfold$
DECLARE
  came text[]    := string_to_array(outcomes, ',');
  were integer[] := string_to_array(versions, ',')::integer[];
BEGIN
  PERFORM ${schema}.keep_states(
    ARRAY(SELECT CASE WHEN came[state_of[i]] = 'a' THEN contacts[i] END FROM generate_subscripts(contacts, 1) i ORDER BY i),
    ARRAY(SELECT were[state_of[i]] + sizes[state_of[i]] FROM generate_subscripts(contacts, 1) i ORDER BY i),
    reducers, bodies);
  RETURN '';
END
$enfold$;

-- Those of changes that were applied: whose version the contact's rows have now. Called for the answer of apply, so after it.
CREATE FUNCTION ${schema}.keep_applied(
  answer text, contacts text[], versions integer[], reducers integer[], bodies text[]
) RETURNS text
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
BEGIN
  PERFORM ${schema}.keep_states(
    ARRAY(
      SELECT (SELECT a.contact FROM ${schema}.agenda a WHERE a.contact = contacts[i] AND a.version = versions[i])
      FROM generate_subscripts(contacts, 1) i ORDER BY i
    ), versions, reducers, bodies);
  RETURN answer;
END
$enfold$;

-- That of a contact whose rows were restored; of_state NULL: none is kept.
CREATE FUNCTION ${schema}.keep_restored(
  restored boolean, of_contact text, of_version integer, of_reducer integer, of_state text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $enfold$
BEGIN
  IF restored AND of_state IS NULL THEN
    DELETE FROM ${schema}.states s WHERE s.contact = of_contact;
  ELSIF restored THEN
    PERFORM ${schema}.keep_states(ARRAY[of_contact], ARRAY[of_version], ARRAY[of_reducer], ARRAY[of_state]);
  END IF;
  RETURN restored;
END
$enfold$;
`
