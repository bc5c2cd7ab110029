/**
 * Orders from a host whose database cannot hold Enfold's: MySQL, MongoDB, or as here another SQLite file. The host writes the
 * order into its own outbox, in its own transaction; a relay gives it to the engine, as often as it takes.
 */
import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { describeRejection, type Engine, isLeft } from 'enfold'

// #region table
/** MySQL: `place BIGINT AUTO_INCREMENT PRIMARY KEY`, `id CHAR(36)`, `contact VARCHAR(200)`. */
export const OUTBOX = `CREATE TABLE IF NOT EXISTS outbox (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  contact TEXT NOT NULL,
  campaign TEXT NOT NULL,
  sequence TEXT NOT NULL
)`
// #endregion table

// #region write
/** Within the transaction that writes the customer: both are there after the commit, or neither. */
export function enlist(database: DatabaseSync, contact: string, campaign: string, sequence: string): void {
  database
    .prepare('INSERT INTO outbox (id, contact, campaign, sequence) VALUES (?, ?, ?, ?)')
    .run(randomUUID(), contact, campaign, sequence)
}
// #endregion write

interface Row {
  readonly id: string
  readonly contact: string
  readonly campaign: string
  readonly sequence: string
}

// #region relay
/** Gives each order to the engine, the oldest first, and forgets it once the engine has answered. */
export async function relay(database: DatabaseSync, engine: Engine, onRefused: (why: string) => void): Promise<number> {
  const rows = database.prepare('SELECT * FROM outbox ORDER BY place LIMIT 100').all() as unknown as Row[]
  for (const { id, contact, campaign, sequence } of rows) {
    const order = { contactId: contact, campaignId: campaign, sequenceId: sequence, actor: 'crm' }
    // The same id each time: given again after a crash, it changes nothing and gets the first answer. What it throws
    // leaves the row where it is, for the next time.
    const answer = await engine.startSequence({ ...order, commandId: id })
    if (isLeft(answer)) onRefused(describeRejection(answer.left))
    database.prepare('DELETE FROM outbox WHERE id = ?').run(id)
  }
  return rows.length
}
// #endregion relay
