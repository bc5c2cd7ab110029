/**
 * Leases in a table of their own, which is a page or two: claiming and releasing wrote each contact's row on the agenda and
 * its place in the index, twice. Entries by wake instant are read from the lanes, so that they need no index of their own.
 */
export const sql = /* sql */ `
-- Contacts that a worker has claimed. A lease that has run out stays until the contact is claimed again.
CREATE TABLE leases (
  contact     TEXT NOT NULL PRIMARY KEY,
  lease_until TEXT NOT NULL,
  worker      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO leases (contact, lease_until, worker)
SELECT contact, lease_until, worker FROM agenda WHERE lease_until IS NOT NULL AND worker IS NOT NULL;

DROP INDEX agenda_claimable;
DROP INDEX agenda_wake;
ALTER TABLE agenda DROP COLUMN claimable_at;
ALTER TABLE agenda DROP COLUMN lease_until;
ALTER TABLE agenda DROP COLUMN worker;
CREATE INDEX agenda_lanes ON agenda (kind, campaign, wake_at) WHERE wake_at IS NOT NULL;
`
