/** The log: the truth, of which everything else in the file is made. */
export const sql = /* sql */ `
CREATE TABLE events (
  -- Without AUTOINCREMENT, which writes a second table for each append: no event is ever deleted, so none is reused.
  position   INTEGER PRIMARY KEY,
  stream     TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  id         TEXT    NOT NULL UNIQUE,
  -- Everything else of the event, as JSON.
  body       TEXT    NOT NULL,
  -- For people who look into the file by hand: computed when asked for, not stored.
  type       TEXT    GENERATED ALWAYS AS (body ->> 'type') VIRTUAL,
  at         TEXT    GENERATED ALWAYS AS (body ->> 'at') VIRTUAL,
  command_id TEXT    GENERATED ALWAYS AS (body ->> 'commandId') VIRTUAL,
  UNIQUE (stream, version)
) STRICT;

-- Campaigns are few among many contacts: following them must not read contacts. ('.' follows '-' in ASCII.)
CREATE INDEX events_of_campaigns ON events (position) WHERE stream >= 'campaign-' AND stream < 'campaign.';
`
