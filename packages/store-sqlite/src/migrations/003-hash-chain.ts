/** Each event's hash over its predecessor's and its own digest; null in what was written before, or without a chain. */
export const sql = /* sql */ `
ALTER TABLE events ADD COLUMN hash BLOB;
`
