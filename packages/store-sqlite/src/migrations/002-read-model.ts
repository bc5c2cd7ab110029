/** What is projected from the log in the transaction of each append: index and agenda. */
export const sql = /* sql */ `
CREATE TABLE tags (
  id      INTEGER PRIMARY KEY,
  tag     TEXT    NOT NULL UNIQUE,
  -- Counting a million members must not read them.
  members INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE memberships (
  tag     INTEGER NOT NULL,
  contact TEXT    NOT NULL,
  PRIMARY KEY (tag, contact)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of_contact ON memberships (contact, tag);
CREATE TRIGGER membership_added AFTER INSERT ON memberships BEGIN
  UPDATE tags SET members = members + 1 WHERE id = new.tag;
END;
CREATE TRIGGER membership_removed AFTER DELETE ON memberships BEGIN
  UPDATE tags SET members = members - 1 WHERE id = old.tag;
END;

-- One row for each contact of which anything was ever projected.
CREATE TABLE agenda (
  contact      TEXT    NOT NULL PRIMARY KEY,
  -- Of the contact's stream: up to where the rows of the contact go.
  version      INTEGER NOT NULL,
  wake_at      TEXT,
  -- The lane: what is due then, so that a limit of one kind holds up no other.
  kind         TEXT    NOT NULL,
  campaign     TEXT    NOT NULL,
  lease_until  TEXT,
  worker       TEXT,
  -- When it can be claimed: its wake, or the end of its lease if that is later.
  claimable_at TEXT GENERATED ALWAYS AS (
    CASE WHEN wake_at IS NULL THEN NULL WHEN lease_until > wake_at THEN lease_until ELSE wake_at END
  ) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX agenda_claimable ON agenda (kind, campaign, claimable_at) WHERE claimable_at IS NOT NULL;
CREATE INDEX agenda_wake ON agenda (wake_at) WHERE wake_at IS NOT NULL;

-- How far the read model goes, where another store keeps the log.
CREATE TABLE checkpoint (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL
) STRICT;
INSERT INTO checkpoint (one, position) VALUES (1, 0);
`
