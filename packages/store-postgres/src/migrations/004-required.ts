/** What an append requires of other streams: checked in its transaction, and awaited by who has moved one of them on. */
export const sql = (schema: string) => /* sql */ `
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
-- here. Who has moved the stream on, and committed, waits for those who were announced then (see requiring).
CREATE FUNCTION ${schema}.expecting(expected integer[], required_by integer[], required text[], required_versions integer[])
RETURNS integer[]
LANGUAGE plpgsql VOLATILE
AS $enfold$
DECLARE
  i       integer;
  version integer;
BEGIN
  FOR i IN 1 .. cardinality(required_by) LOOP
    PERFORM pg_advisory_xact_lock_shared(${schema}.required_class(), hashtext(required[i]));
    version := (SELECT e.version FROM ${schema}.events e WHERE e.stream = required[i] ORDER BY e.version DESC LIMIT 1);
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
`
