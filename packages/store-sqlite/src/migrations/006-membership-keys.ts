/** Keys of memberships: one contact may be in a sequence several times, once for each key (KEY-4). */
export const sql = /* sql */ `
-- Of contacts that have a tag for a key other than '': all its keys, '' too. Who has it without a key has no row here, and
-- costs no byte more than before.
CREATE TABLE membership_keys (
  tag     INTEGER NOT NULL,
  contact TEXT    NOT NULL,
  key     TEXT    NOT NULL,
  PRIMARY KEY (tag, contact, key)
) STRICT, WITHOUT ROWID;
-- How many rows of the tag are there, and how many more memberships than contacts these make.
ALTER TABLE tags ADD COLUMN keyed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN more  INTEGER NOT NULL DEFAULT 0;
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
`
