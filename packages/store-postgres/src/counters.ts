/** Counters in one table of differences, which are summed up when they are read and, now and then, where they are. */
import {
  type CampaignCounters,
  type CounterChange,
  type CounterStore,
  CounterSum,
  countersOf,
  type StreamId,
  type Version,
} from '@enfold/core'
import type { Database } from './database.ts'
import { escapeNul, plainArray, textArray, unescapeNul } from './pg-text.ts'

interface CountsRow {
  readonly campaign: string
  readonly version: string
  /** As JSON; `null` in the row that says whether they are complete. */
  readonly counts: string | null
  readonly complete: string | null
}

interface AtRow {
  readonly what: 'counters' | 'ahead' | 'state'
  readonly id: string
  readonly version: string
  readonly counts: string | null
  readonly revision: string
  readonly complete: string
  readonly position: string
}

export function createCounters({ query, write, schema }: Pick<Database, 'query' | 'write' | 'schema'>): CounterStore {
  return {
    async counters(campaignId, campaignVersion) {
      const rows = await query<CountsRow>(
        `SELECT campaign, version::text, counts::text, NULL AS complete FROM ${schema}.counters
         WHERE campaign = $1 AND version = coalesce($2::integer, version)
         UNION ALL SELECT '', '0', NULL, complete::text FROM ${schema}.counters_state`,
        [escapeNul(campaignId), campaignVersion === undefined ? null : String(campaignVersion)],
      )
      return { counters: summed(rows), complete: rows.some(({ complete }) => complete === 'true') }
    },
    async countersAt() {
      const rows = await query<AtRow>(
        `SELECT what, id, version::text, counts, revision::text, complete::text, position::text
         FROM ${schema}.counters_at()`,
      )
      const state = rows.find(({ what }) => what === 'state')
      const ahead = new Map<StreamId, Version>()
      for (const { what, id, version } of rows) if (what === 'ahead') ahead.set(unescapeNul(id), Number(version))
      return {
        counters: summed(rows.map(({ id, version, counts }) => ({ campaign: id, version, counts }))),
        complete: state?.complete === 'true',
        revision: Number(state?.revision),
        position: Number(state?.position),
        ahead,
      }
    },
    async correctCounters(changes, revision) {
      const [answer] = await write<{ corrected: string }>(
        `SELECT ${schema}.correct_counters($1, $2::integer)::text AS corrected`,
        [changesText(changes), String(revision)],
      )
      return answer?.corrected === 'true'
    },
  }
}

/** As the functions that count take it; `null`: nothing. */
export function changesText(changes: readonly CounterChange[] = []): string | null {
  if (changes.length === 0) return null
  return JSON.stringify(
    changes.map(({ campaignId, campaignVersion, by }) => [escapeNul(campaignId), campaignVersion, countsOf(by)]),
  )
}

/** As rows of the table: campaigns, versions, counts, and how many keys these have. */
export function changesTexts(changes: readonly CounterChange[]): readonly string[] {
  return [
    textArray(changes.map(({ campaignId }) => escapeNul(campaignId))),
    plainArray(changes.map(({ campaignVersion }) => campaignVersion)),
    textArray(changes.map(({ by }) => JSON.stringify(countsOf(by)))),
    plainArray(changes.map(({ by }) => by.length)),
  ]
}

/** Keys are texts of JSON arrays, so none is a name that objects have by themselves. */
const countsOf = (by: CounterChange['by']) => Object.fromEntries(by)

function summed(rows: Iterable<Pick<CountsRow, 'campaign' | 'version' | 'counts'>>): CampaignCounters['counters'] {
  const sum = new CounterSum()
  for (const { campaign, version, counts } of rows)
    if (counts !== null)
      sum.addAll([
        {
          campaignId: unescapeNul(campaign),
          campaignVersion: Number(version),
          by: Object.entries(JSON.parse(counts) as { readonly [key: string]: number }),
        },
      ])
  return countersOf(sum.changes())
}
