/** Counters in two tables: sums, and the changes since. All within a transaction of the caller. */
import type { DatabaseSync } from 'node:sqlite'
import {
  type CampaignCounters,
  type CountedBatch,
  type Counter,
  type CounterChange,
  type CounterStore,
  CounterSum,
  type CountersAt,
  countersOf,
  type Position,
} from '@enfold/core'
import type { Synchronous } from '@enfold/core/store'
import { escapeNul, unescapeNul } from './id-text.ts'

/** So many changes are kept before they are added up: more make questions slower, fewer make appends slower. */
const FOLD_AT = 256

interface CountsRow {
  readonly campaign: string
  readonly version: number
  readonly counts: string
}

export interface CounterTables {
  /** What one append or one transaction has counted. */
  add(changes: readonly CounterChange[]): void
  /** What a batch has counted, and whether that is all. */
  addBatch(batch: CountedBatch): void
  readonly port: Synchronous<CounterStore>
}

type Statements = ReturnType<typeof statementsOn>

function statementsOn(connection: DatabaseSync) {
  return {
    change: connection.prepare('INSERT INTO counter_changes (campaign, version, counts) VALUES (?, ?, ?)'),
    // Starts of one sequence all count the same: each text is read once.
    changes: connection.prepare(
      'SELECT campaign, version, counts, count(*) AS times FROM counter_changes GROUP BY campaign, version, counts',
    ),
    forget: connection.prepare('DELETE FROM counter_changes'),
    counts: connection.prepare('SELECT campaign, version, counts FROM counters WHERE campaign = ? AND version = ?'),
    set: connection.prepare(
      `INSERT INTO counters (campaign, version, counts) VALUES (?, ?, ?)
       ON CONFLICT (campaign, version) DO UPDATE SET counts = excluded.counts`,
    ),

    lacking: connection.prepare('UPDATE counters_state SET revision = revision + 1, complete = 0'),
    corrected: connection.prepare('UPDATE counters_state SET revision = revision + 1, complete = 1 WHERE revision = ?'),
    // Each of the two in one statement, because only that sees one instant.
    ofCampaign: connection.prepare(
      `SELECT campaign, version, counts, NULL AS complete FROM counters
       WHERE campaign = ?1 AND version = coalesce(?2, version)
       UNION ALL SELECT campaign, version, counts, NULL FROM counter_changes
       WHERE campaign = ?1 AND version = coalesce(?2, version)
       UNION ALL SELECT '', 0, '{}', complete FROM counters_state`,
    ),
    at: connection.prepare(
      `SELECT campaign, version, counts, NULL AS complete, NULL AS revision, NULL AS position FROM counters
       UNION ALL SELECT campaign, version, counts, NULL, NULL, NULL FROM counter_changes
       UNION ALL SELECT '', 0, '{}', complete, revision,
         coalesce((SELECT max(position) FROM events), (SELECT position FROM checkpoint)) FROM counters_state`,
    ),
  }
}

export function createCounterTables(connection: DatabaseSync): CounterTables {
  const on = statementsOn(connection)
  return {
    add: (changes) => add(on, changes),
    addBatch({ changes, complete }) {
      add(on, changes)
      if (!complete) on.lacking.run()
    },
    port: {
      counters(campaignId, campaignVersion) {
        const rows = on.ofCampaign.all(escapeNul(campaignId), campaignVersion ?? null) as unknown as AnsweredRow[]
        return answered(rows)
      },
      countersAt() {
        const rows = on.at.all() as unknown as (AnsweredRow & { revision: number; position: Position })[]
        const { revision = 0, position = 0 } = rows.at(-1) ?? {}
        return { ...answered(rows), revision, position, ahead: new Map() } satisfies CountersAt
      },
      correctCounters(changes, revision) {
        if (on.corrected.run(revision).changes === 0) return false
        add(on, changes)
        return true
      },
    },
  }
}

interface AnsweredRow extends CountsRow {
  /** Of the last row only. */
  readonly complete: number | null
}

function answered(rows: readonly AnsweredRow[]): CampaignCounters {
  return { counters: summed(rows), complete: rows.at(-1)?.complete === 1 }
}

function summed(rows: Iterable<CountsRow>): readonly Counter[] {
  const sum = new CounterSum()
  sum.addAll(changesIn(rows))
  return countersOf(sum.changes())
}

function* changesIn(rows: Iterable<CountsRow>): Generator<CounterChange> {
  for (const { campaign, version, counts } of rows)
    yield {
      campaignId: unescapeNul(campaign),
      campaignVersion: version,
      by: Object.entries(JSON.parse(counts) as { readonly [key: string]: number }),
    }
}

// Keys are texts of JSON arrays, so none is a name that objects have by themselves.
const textOf = (by: CounterChange['by']) => JSON.stringify(Object.fromEntries(by))

function add(on: Statements, changes: readonly CounterChange[]): void {
  let isFull = false
  for (const { campaignId, campaignVersion, by } of changes) {
    const { lastInsertRowid } = on.change.run(escapeNul(campaignId), campaignVersion, textOf(by))
    isFull ||= Number(lastInsertRowid) >= FOLD_AT
  }
  if (isFull) foldChanges(on)
}

function foldChanges(on: Statements): void {
  const sum = new CounterSum()
  for (const row of on.changes.all() as unknown as (CountsRow & { readonly times: number })[])
    sum.addAll(changesIn([row]), row.times)
  for (const { campaignId, campaignVersion, by } of sum.changes()) {
    const one = new CounterSum()
    const rows = on.counts.all(escapeNul(campaignId), campaignVersion) as unknown as CountsRow[]
    one.addAll(changesIn(rows))
    one.addAll([{ campaignId, campaignVersion, by }])
    const [all] = one.changes()
    on.set.run(escapeNul(campaignId), campaignVersion, textOf(all?.by ?? []))
  }
  on.forget.run()
}
