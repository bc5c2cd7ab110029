/** The look at the schema's version that each statement which writes takes. */
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
`
