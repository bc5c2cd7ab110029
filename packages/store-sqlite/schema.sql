-- What the migrations come to. Written by a test; not run by anything.

CREATE TRIGGER membership_added AFTER INSERT ON memberships BEGIN
  UPDATE tags SET members = members + 1 WHERE id = new.tag;
END;

CREATE TRIGGER membership_key_added AFTER INSERT ON membership_keys BEGIN
  UPDATE tags SET keyed = keyed + 1, more = more + EXISTS (
    SELECT 1 FROM membership_keys WHERE tag = new.tag AND contact = new.contact AND key <> new.key
  ) WHERE id = new.tag;
END;

CREATE TRIGGER membership_key_removed AFTER DELETE ON membership_keys BEGIN
  UPDATE tags SET keyed = keyed - 1, more = more - EXISTS (
    SELECT 1 FROM membership_keys WHERE tag = old.tag AND contact = old.contact
  ) WHERE id = old.tag;
END;

CREATE TRIGGER membership_removed AFTER DELETE ON memberships BEGIN
  UPDATE tags SET members = members - 1 WHERE id = old.tag;
END;

CREATE TABLE action_contacts (
  action  INTEGER NOT NULL,
  -- 1, 2, 3 … within the action.
  number  INTEGER NOT NULL,
  contact TEXT    NOT NULL,
  outcome TEXT,
  run     INTEGER,
  reason  TEXT, key TEXT NOT NULL DEFAULT '', runs TEXT,
  PRIMARY KEY (action, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE actions (
  -- In the order of their first saves.
  number   INTEGER PRIMARY KEY,
  id       TEXT    NOT NULL UNIQUE,
  revision INTEGER NOT NULL,
  -- As JSON.
  record   TEXT    NOT NULL
) STRICT;

CREATE TABLE agenda (
  contact      TEXT    NOT NULL PRIMARY KEY,
  -- Of the contact's stream: up to where the rows of the contact go.
  version      INTEGER NOT NULL,
  wake_at      TEXT,
  -- The lane: what is due then, so that a limit of one kind holds up no other.
  kind         TEXT    NOT NULL,
  campaign     TEXT    NOT NULL,
  others TEXT, other_at TEXT GENERATED ALWAYS AS (others ->> '$[0][0]') VIRTUAL) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL
) STRICT;

CREATE TABLE counter_changes (
  entry    INTEGER PRIMARY KEY,
  campaign TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  counts   TEXT    NOT NULL
) STRICT;

CREATE TABLE counters (
  campaign TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  counts   TEXT    NOT NULL,
  PRIMARY KEY (campaign, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters_state (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  -- How often they were corrected, or found to lack something.
  revision INTEGER NOT NULL,
  -- Whether every event is counted.
  complete INTEGER NOT NULL
) STRICT;

CREATE TABLE "events" (
  -- Without AUTOINCREMENT, which writes a second table for each append: no event is ever deleted, so none is reused.
  position   INTEGER PRIMARY KEY,
  stream     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  -- Everything else of the event, as JSON.
  body       TEXT    NOT NULL,
  hash       BLOB,
  -- For people who look into the file by hand: computed when asked for, not stored.
  type       TEXT    GENERATED ALWAYS AS (body ->> 'type') VIRTUAL,
  at         TEXT    GENERATED ALWAYS AS (body ->> 'at') VIRTUAL,
  command_id TEXT    GENERATED ALWAYS AS (body ->> 'commandId') VIRTUAL,
  UNIQUE (stream, version),
  UNIQUE (stream, id)
) STRICT;

CREATE TABLE leases (
  contact     TEXT NOT NULL PRIMARY KEY,
  lease_until TEXT NOT NULL,
  worker      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE membership_keys (
  tag     INTEGER NOT NULL,
  contact TEXT    NOT NULL,
  key     TEXT    NOT NULL,
  PRIMARY KEY (tag, contact, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
  tag     INTEGER NOT NULL,
  contact TEXT    NOT NULL,
  PRIMARY KEY (tag, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE states (
  contact TEXT    NOT NULL PRIMARY KEY,
  -- Of the contact's stream: what the state is of. Later events are folded on top.
  version INTEGER NOT NULL,
  -- Of the code that made it; another makes it again.
  reducer INTEGER NOT NULL,
  state   TEXT    NOT NULL
) STRICT;

CREATE TABLE tags (
  id      INTEGER PRIMARY KEY,
  tag     TEXT    NOT NULL UNIQUE,
  -- Counting a million members must not read them.
  members INTEGER NOT NULL DEFAULT 0
, keyed INTEGER NOT NULL DEFAULT 0, more  INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE UNIQUE INDEX action_contacts_once ON action_contacts (action, contact, key);

CREATE INDEX agenda_lanes ON agenda (kind, campaign, wake_at) WHERE wake_at IS NOT NULL;

CREATE INDEX agenda_others ON agenda (kind, other_at) WHERE others IS NOT NULL;

CREATE INDEX events_of_campaigns ON events (position) WHERE stream >= 'campaign-' AND stream < 'campaign.';

CREATE INDEX memberships_of_contact ON memberships (contact, tag);
