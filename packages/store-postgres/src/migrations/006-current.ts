/** What statements look at before they write, in less time: the schema's version, and streams that appends require. */
export const sql = (schema: string) => /* sql */ `
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

-- As before, and of one stream that many appends of a batch require there is one lock and one look.
CREATE OR REPLACE FUNCTION ${schema}.expecting(
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
`
