/** Bulk actions in their two tables. */
import type { ActionOutcome, ActionStore } from '@enfold/core'
import { actionContactOf, runsText, unknownCursor } from '@enfold/core/store'
import type { Database } from './database.ts'
import { escapeNul, plainArray, textArray, unescapeNul } from './pg-text.ts'

interface ContactRow {
  readonly number: string
  readonly contact: string
  readonly key: string
  readonly outcome: ActionOutcome | null
  readonly run: string | null
  readonly reason: string | null
  readonly runs: string | null
}

export function createActionTables({
  query,
  write,
  schema,
}: Pick<Database, 'query' | 'write' | 'schema'>): ActionStore {
  return {
    async saveAction(record, { clear = false, add = [], results = [] } = {}) {
      const items = add.map((item) => (typeof item === 'string' ? { contactId: item, key: '' } : item))
      const rows = await write<{ added: string | null }>(
        `SELECT ${schema}.save_action($1, $2::integer, $3, $4::boolean, $5::text[], $6::text[],
           $7::integer[], $8::text[], $9::integer[], $10::text[], $11::text[])::text AS added`,
        [
          escapeNul(record.actionId),
          String(record.revision),
          JSON.stringify(record),
          String(clear),
          textArray(items.map(({ contactId }) => escapeNul(contactId))),
          textArray(items.map(({ key }) => escapeNul(key))),
          plainArray(results.map(({ number }) => number)),
          textArray(results.map(({ outcome }) => outcome)),
          plainArray(results.map(({ run }) => run)),
          textArray(results.map(({ reason }) => (reason === null ? null : escapeNul(reason)))),
          textArray(results.map(({ runs }) => runsText(runs))),
        ],
      )
      const added = rows[0]?.added ?? null
      return added === null ? null : Number(added)
    },
    async action(actionId) {
      const rows = await query<{ record: string }>(`SELECT record FROM ${schema}.actions WHERE id = $1`, [
        escapeNul(actionId),
      ])
      return rows[0] === undefined ? null : JSON.parse(rows[0].record)
    },
    async actions(after, limit) {
      const rows = await query<{ known: string; record: string | null }>(
        `SELECT mark.known::text, a.record FROM (
           SELECT $1::text IS NULL OR EXISTS (SELECT FROM ${schema}.actions WHERE id = $1) AS known,
             (SELECT number FROM ${schema}.actions WHERE id = $1) AS number
         ) mark
         LEFT JOIN LATERAL (
           SELECT b.record, b.number FROM ${schema}.actions b WHERE b.number < coalesce(mark.number, 2147483647)
           ORDER BY b.number DESC LIMIT $2::bigint
         ) a ON true ORDER BY a.number DESC`,
        [after === null ? null : escapeNul(after), String(limit)],
      )
      if (rows[0]?.known !== 'true') throw unknownCursor(after, 'an action')
      return rows.flatMap(({ record }) => (record === null ? [] : [JSON.parse(record)]))
    },
    async actionContacts(actionId, after, limit, outcome) {
      const rows = await query<ContactRow>(
        `SELECT c.number::text, c.contact, c.key, c.outcome, c.run::text, c.reason, c.runs FROM ${schema}.action_contacts c
         WHERE c.action = (SELECT a.number FROM ${schema}.actions a WHERE a.id = $1) AND c.number > $2::bigint
         AND ($4::text IS NULL OR c.outcome = $4) ORDER BY c.number LIMIT $3::bigint`,
        [escapeNul(actionId), String(after), String(limit), outcome ?? null],
      )
      return rows.map(({ number, contact, key, outcome, run, reason, runs }) =>
        actionContactOf({
          number: Number(number),
          contactId: unescapeNul(contact),
          key: unescapeNul(key),
          outcome,
          run: run === null ? null : Number(run),
          reason: reason === null ? null : unescapeNul(reason),
          runs,
        }),
      )
    },
  }
}
