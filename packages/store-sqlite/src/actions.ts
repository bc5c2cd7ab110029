/** Bulk actions in their two tables. Writes stand within a transaction of the caller. */
import type { DatabaseSync } from 'node:sqlite'
import type { ActionId, ActionOutcome, ActionRecord, ActionStore } from '@enfold/core'
import { actionContactOf, runsText, type Synchronous, unknownCursor } from '@enfold/core/store'
import { LIMIT } from './database.ts'
import { escapeNul, unescapeNul } from './id-text.ts'

interface ActionRow {
  readonly number: number
  readonly revision: number
  readonly record: string
}

interface ContactRow {
  readonly number: number
  readonly contact: string
  readonly key: string
  readonly outcome: ActionOutcome | null
  readonly run: number | null
  readonly reason: string | null
  readonly runs: string | null
}

export function createActionTables(connection: DatabaseSync): Synchronous<ActionStore> {
  const byId = connection.prepare('SELECT number, revision, record FROM actions WHERE id = ?')
  const insert = connection.prepare('INSERT INTO actions (id, revision, record) VALUES (?, ?, ?)')
  const update = connection.prepare('UPDATE actions SET revision = ?, record = ? WHERE number = ?')
  const newestFirst = connection.prepare(`SELECT record FROM actions WHERE number < ? ORDER BY number DESC ${LIMIT}`)
  const clear = connection.prepare('DELETE FROM action_contacts WHERE action = ?')
  const lastNumber = connection.prepare('SELECT max(number) AS number FROM action_contacts WHERE action = ?')
  const add = connection.prepare(
    `INSERT INTO action_contacts (action, number, contact, key) VALUES (?, ?, ?, ?)
     ON CONFLICT (action, contact, key) DO NOTHING`,
  )
  const setResult = connection.prepare(
    'UPDATE action_contacts SET outcome = ?, run = ?, reason = ?, runs = ? WHERE action = ? AND number = ?',
  )
  const columns = 'number, contact, key, outcome, run, reason, runs'
  const contacts = connection.prepare(
    `SELECT ${columns} FROM action_contacts WHERE action = ? AND number > ? ORDER BY number ${LIMIT}`,
  )
  const contactsWith = connection.prepare(
    `SELECT ${columns} FROM action_contacts WHERE action = ? AND number > ? AND outcome = ? ORDER BY number ${LIMIT}`,
  )

  const rowOf = (actionId: ActionId) => byId.get(escapeNul(actionId)) as ActionRow | undefined

  return {
    saveAction(record, change = {}) {
      const row = rowOf(record.actionId)
      if (record.revision !== (row?.revision ?? 0) + 1) return null
      const json = JSON.stringify(record)
      const action =
        row?.number ?? Number(insert.run(escapeNul(record.actionId), record.revision, json).lastInsertRowid)
      if (row !== undefined) update.run(record.revision, json, action)
      if (change.clear === true) clear.run(action)
      let added = 0
      if (change.add !== undefined) {
        const before = (lastNumber.get(action) as { number: number | null }).number ?? 0
        for (const item of change.add) {
          const { contactId, key } = typeof item === 'string' ? { contactId: item, key: '' } : item
          added += Number(add.run(action, before + added + 1, escapeNul(contactId), escapeNul(key)).changes)
        }
      }
      for (const { number, outcome, run, reason, runs } of change.results ?? [])
        setResult.run(outcome, run, reason === null ? null : escapeNul(reason), runsText(runs), action, number)
      return added
    },
    action(actionId) {
      const row = rowOf(actionId)
      return row === undefined ? null : (JSON.parse(row.record) as ActionRecord)
    },
    actions(after, limit) {
      const before = after === null ? Number.MAX_SAFE_INTEGER : rowOf(after)?.number
      if (before === undefined) throw unknownCursor(after, 'an action')
      return (newestFirst.all(before, limit) as { record: string }[]).map(({ record }) => JSON.parse(record))
    },
    actionContacts(actionId, after, limit, outcome) {
      const action = rowOf(actionId)?.number
      if (action === undefined) return []
      const rows =
        outcome === undefined ? contacts.all(action, after, limit) : contactsWith.all(action, after, outcome, limit)
      return (rows as unknown as ContactRow[]).map(({ number, contact, key, outcome, run, reason, runs }) =>
        actionContactOf({
          number,
          contactId: unescapeNul(contact),
          key: unescapeNul(key),
          outcome,
          run,
          reason: reason === null ? null : unescapeNul(reason),
          runs,
        }),
      )
    },
  }
}
