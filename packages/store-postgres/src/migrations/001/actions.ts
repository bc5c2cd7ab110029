/** Bulk actions: who ordered what, the contacts, and the result of each. None of it can be rebuilt from the log. */
export const sql = (schema: string) => /* sql */ `
CREATE TABLE ${schema}.actions (
  -- In the order of their first saves.
  number   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  revision integer NOT NULL,
  id       text    COLLATE "C" NOT NULL UNIQUE,
  -- As JSON.
  record   text    NOT NULL
);

CREATE TABLE ${schema}.action_contacts (
  action  integer NOT NULL,
  -- 1, 2, 3 … within the action.
  number  integer NOT NULL,
  run     integer,
  outcome text    COLLATE "C",
  contact text    COLLATE "C" NOT NULL,
  reason  text,
  key     text    COLLATE "C" NOT NULL DEFAULT '',
  -- Of each run, where there are several, as JSON: [[key, run, outcome], ...].
  runs    text,
  PRIMARY KEY (action, number)
);

CREATE UNIQUE INDEX action_contacts_once ON ${schema}.action_contacts (action, contact, key);

-- Writes the record if it is the next revision, and the change with it: contacts to be put after those that are there,
-- and results by number. Returns how many contacts were added; NULL if another save was first.
CREATE FUNCTION ${schema}.save_action(
  of_id text, of_revision integer, of_record text, clear boolean, contacts text[], keys text[],
  numbers integer[], outcomes text[], runs integer[], reasons text[], runs_of text[]
) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $enfold$
DECLARE
  of_action integer;
  added     integer;
BEGIN
  IF of_revision = 1 THEN
    INSERT INTO ${schema}.actions (revision, id, record) VALUES (1, of_id, of_record) ON CONFLICT DO NOTHING
    RETURNING actions.number INTO of_action;
  ELSE
    UPDATE ${schema}.actions a SET revision = of_revision, record = of_record
    WHERE a.id = of_id AND a.revision = of_revision - 1 RETURNING a.number INTO of_action;
  END IF;
  IF of_action IS NULL THEN
    RETURN NULL;
  END IF;
  IF clear THEN
    DELETE FROM ${schema}.action_contacts c WHERE c.action = of_action;
  END IF;
  -- Each once, at its first place; without gaps, those that are there already left out.
  INSERT INTO ${schema}.action_contacts (action, number, contact, key)
  SELECT of_action, coalesce((SELECT max(c.number) FROM ${schema}.action_contacts c WHERE c.action = of_action), 0)
    + row_number() OVER (ORDER BY one.n), one.contact, one.key
  FROM (
    SELECT g.contact, g.key, min(g.n) AS n FROM unnest(contacts, keys) WITH ORDINALITY AS g (contact, key, n)
    GROUP BY g.contact, g.key
  ) one
  WHERE NOT EXISTS (
    SELECT FROM ${schema}.action_contacts c WHERE c.action = of_action AND c.contact = one.contact AND c.key = one.key
  );
  GET DIAGNOSTICS added = ROW_COUNT;
  UPDATE ${schema}.action_contacts c SET outcome = r.outcome, run = r.run, reason = r.reason, runs = r.runs_of
  FROM (
    SELECT DISTINCT ON (g.number) g.* FROM unnest(numbers, outcomes, runs, reasons, runs_of) WITH ORDINALITY
      AS g (number, outcome, run, reason, runs_of, n) ORDER BY g.number, g.n DESC
  ) r
  WHERE c.action = of_action AND c.number = r.number;
  RETURN added;
END
$enfold$;
`
