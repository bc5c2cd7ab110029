/**
 * Later lanes of a contact, for workers that do not do what is due first (KIND-1). Contacts of an older file have none
 * before their next event; `rebuildIndex` gives them theirs at once.
 */
export const sql = /* sql */ `
-- The contact's later lanes, one of each other kind, as JSON: [[wake_at, kind, campaign], ...], the earliest first.
ALTER TABLE agenda ADD COLUMN others TEXT;
ALTER TABLE agenda ADD COLUMN other_at TEXT GENERATED ALWAYS AS (others ->> '$[0][0]') VIRTUAL;
CREATE INDEX agenda_others ON agenda (kind, other_at) WHERE others IS NOT NULL;
`
