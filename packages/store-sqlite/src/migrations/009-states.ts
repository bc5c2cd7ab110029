/** The state of contacts with long streams, folded up to a version, so that a command need not read all of them. */
export const sql = /* sql */ `
CREATE TABLE states (
  contact TEXT    NOT NULL PRIMARY KEY,
  -- Of the contact's stream: what the state is of. Later events are folded on top.
  version INTEGER NOT NULL,
  -- Of the code that made it; another makes it again.
  reducer INTEGER NOT NULL,
  state   TEXT    NOT NULL
) STRICT;
`
