/** The log, and beside it what is projected from it in the same transaction: index and agenda. */
export const sql = /* sql */ `
CREATE TABLE events (
  position   INTEGER PRIMARY KEY AUTOINCREMENT,
  stream     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  id         TEXT    NOT NULL UNIQUE,
  command_id TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  at         TEXT    NOT NULL,
  -- Everything else of the event, as JSON.
  body       TEXT    NOT NULL,
  UNIQUE (stream, version)
) STRICT;

-- Campaigns are few among many contacts: following them must not read contacts.
CREATE INDEX events_of_campaigns ON events (position) WHERE type IN ('CampaignPublished', 'CampaignUnpublished');

CREATE TABLE tags (
  tag     TEXT NOT NULL,
  contact TEXT NOT NULL,
  PRIMARY KEY (tag, contact)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_of_contact ON tags (contact, tag);

-- Counting a million members must not read them.
CREATE TABLE tag_counts (
  tag     TEXT    NOT NULL PRIMARY KEY,
  members INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tag_added AFTER INSERT ON tags BEGIN
  INSERT INTO tag_counts (tag, members) VALUES (new.tag, 1)
    ON CONFLICT (tag) DO UPDATE SET members = members + 1;
END;
CREATE TRIGGER tag_removed AFTER DELETE ON tags BEGIN
  UPDATE tag_counts SET members = members - 1 WHERE tag = old.tag;
END;

-- One row for each contact of which anything was ever projected.
CREATE TABLE agenda (
  contact      TEXT NOT NULL PRIMARY KEY,
  wake_at      TEXT,
  -- The lane: what is due then, so that a limit of one kind holds up no other.
  kind         TEXT NOT NULL,
  campaign     TEXT NOT NULL,
  lease_until  TEXT,
  worker       TEXT,
  -- When it can be claimed: its wake, or the end of its lease if that is later.
  claimable_at TEXT GENERATED ALWAYS AS (
    CASE WHEN wake_at IS NULL THEN NULL WHEN lease_until > wake_at THEN lease_until ELSE wake_at END
  ) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX agenda_claimable ON agenda (kind, campaign, claimable_at) WHERE claimable_at IS NOT NULL;
CREATE INDEX agenda_wake ON agenda (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE projection (
  name       TEXT    NOT NULL PRIMARY KEY,
  checkpoint INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`
