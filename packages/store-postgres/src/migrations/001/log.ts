/** The log: the truth, of which everything else in the schema is made. Appends go through functions, and so do readers. */
export const sql = (schema: string) => /* sql */ `
CREATE TABLE ${schema}.events (
  position bigint  NOT NULL CONSTRAINT events_position PRIMARY KEY,
  version  integer NOT NULL,
  stream   text    COLLATE "C" NOT NULL,
  id       text    COLLATE "C" NOT NULL CONSTRAINT events_id UNIQUE,
  -- Over the hash before it and the digest of the event itself; NULL where a store was told to write none.
  hash     bytea,
  -- Everything else of the event, as JSON. Text, because every character of it counts: jsonb sorts keys and has no \\u0000.
  body     text    NOT NULL,
  CONSTRAINT events_place UNIQUE (stream, version)
);

-- Campaigns are few among many contacts: following them must not read contacts. ('.' follows '-' in ASCII.)
CREATE INDEX events_of_campaigns ON ${schema}.events (position) WHERE stream >= 'campaign-' AND stream < 'campaign.';

-- CACHE 1: readers rely on numbers being drawn in order. 0 is drawn here, so that last_value is always the last one drawn.
CREATE SEQUENCE ${schema}.positions AS bigint MINVALUE 0 START 0 CACHE 1 OWNED BY ${schema}.events.position;

SELECT nextval('${schema}.positions');

-- The class of the advisory locks that announce an append: campaigns have their own, so that a transaction
-- with contacts that stays open does not keep others from seeing what was published.
CREATE FUNCTION ${schema}.lock_class(of_campaigns boolean) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $enfold$
  SELECT (CASE WHEN of_campaigns THEN '${schema}.events_of_campaigns' ELSE '${schema}.events' END)::regclass::oid::integer
$enfold$;

-- Events above a position in the order of the log, and none that an append in progress could still come before. A writer
-- announces the last number that was drawn, then draws its own. So a writer that may yet commit a number up to the
-- last one drawn now is either still announced, or has committed before the events are read. The last row of an incomplete page
-- holds no event but where the log stands.
CREATE FUNCTION ${schema}.read_events(after bigint, size integer, wanted text)
RETURNS TABLE ("position" bigint, version integer, stream text, id text, hash text, body text)
LANGUAGE plpgsql VOLATILE ROWS 100
AS $enfold$
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
  last := (SELECT p.last_value FROM ${schema}.positions p);
  -- Announced are the lower 32 bits, which tell for the two thousand million numbers around the last.
  SELECT least(last, min(last + CASE WHEN ahead >= 2147483648 THEN ahead - 4294967296 ELSE ahead END)) INTO safe
  FROM (
    SELECT (l.objid::bigint - (last & 4294967295) + 4294967296) % 4294967296 AS ahead FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 2
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.classid = ${schema}.lock_class(wanted = 'campaigns')::oid
  ) announced;
  IF wanted = 'campaigns' THEN
    RETURN QUERY SELECT e.position, e.version, e.stream, e.id, encode(e.hash, 'hex'), e.body FROM ${schema}.events e
    WHERE e.position > after AND e.position <= safe AND e.stream >= 'campaign-' AND e.stream < 'campaign.'
    ORDER BY e.position LIMIT size;
  ELSIF wanted = 'contacts' THEN
    -- Added to nothing, the stream does not ask for the index of streams, by which all would be found and then sorted.
    RETURN QUERY SELECT e.position, e.version, e.stream, e.id, encode(e.hash, 'hex'), e.body FROM ${schema}.events e
    WHERE e.position > after AND e.position <= safe AND e.stream || '' >= 'contact-' AND e.stream || '' < 'contact.'
    ORDER BY e.position LIMIT size;
  ELSE
    RETURN QUERY SELECT e.position, e.version, e.stream, e.id, encode(e.hash, 'hex'), e.body FROM ${schema}.events e
    WHERE e.position > after AND e.position <= safe ORDER BY e.position LIMIT size;
  END IF;
  GET DIAGNOSTICS given = ROW_COUNT;
  IF given < size THEN
    RETURN QUERY SELECT coalesce(max(e.position), 0), 0, ''::text, ''::text, NULL::text, ''::text
    FROM ${schema}.events e WHERE e.position <= safe;
  END IF;
END
$enfold$;
`
