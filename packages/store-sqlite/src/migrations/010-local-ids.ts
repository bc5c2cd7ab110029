/**
 * Event ids, each once in its stream and no longer in the whole table. The ids that the engine makes follow from the stream
 * (LOG-3), so that no two streams have the same; an index of all ids had each event on a page of its own.
 */
export const sql = /* sql */ `
CREATE TABLE events_by_stream (
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
INSERT INTO events_by_stream (position, stream, version, id, body, hash)
SELECT position, stream, version, id, body, hash FROM events ORDER BY position;
DROP TABLE events;
ALTER TABLE events_by_stream RENAME TO events;

-- Campaigns are few among many contacts: following them must not read contacts. ('.' follows '-' in ASCII.)
CREATE INDEX events_of_campaigns ON events (position) WHERE stream >= 'campaign-' AND stream < 'campaign.';
`
