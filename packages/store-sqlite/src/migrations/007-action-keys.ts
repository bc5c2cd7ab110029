/** Bulk actions whose contacts are named for a key, and results of several runs (KEY-2). */
export const sql = /* sql */ `
ALTER TABLE action_contacts ADD COLUMN key TEXT NOT NULL DEFAULT '';
-- Of each run, where there are several, as JSON: [[key, run, outcome], ...].
ALTER TABLE action_contacts ADD COLUMN runs TEXT;
DROP INDEX action_contacts_once;
CREATE UNIQUE INDEX action_contacts_once ON action_contacts (action, contact, key);
`
