/** Bulk actions: who ordered what, the contacts, and the result of each. None of it can be rebuilt from the log. */
export const sql = /* sql */ `
CREATE TABLE actions (
  -- In the order of their first saves.
  number   INTEGER PRIMARY KEY,
  id       TEXT    NOT NULL UNIQUE,
  revision INTEGER NOT NULL,
  -- As JSON.
  record   TEXT    NOT NULL
) STRICT;

CREATE TABLE action_contacts (
  action  INTEGER NOT NULL,
  -- 1, 2, 3 … within the action.
  number  INTEGER NOT NULL,
  contact TEXT    NOT NULL,
  outcome TEXT,
  run     INTEGER,
  reason  TEXT,
  PRIMARY KEY (action, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX action_contacts_once ON action_contacts (action, contact);
`
