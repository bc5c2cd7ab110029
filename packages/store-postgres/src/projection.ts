/** Writes index and agenda apart from appends. */
import { type ContactProjection, contactStream, epochMsOf, type ProjectionStore } from '@enfold/core'
import { untilUnlocked } from './around-locks.ts'
import { changesText } from './counters.ts'
import type { Database } from './database.ts'
import { othersText, projectionTexts } from './derived-texts.ts'
import { plainArray, textArray, toText } from './pg-text.ts'

/** @param lockWaitMs how long a repair waits for a contact that another transaction keeps */
export function createProjection(
  database: Pick<Database, 'query' | 'write' | 'schema'>,
  lockWaitMs: number,
): ProjectionStore {
  const { query, write, schema } = database
  return {
    async apply(changes, position, counted) {
      const [contacts = '', ...texts] = projectionTexts(
        changes.map(({ contactId, derived }) => ({ contactId, ...derived })),
      )
      const [answer] = await write<{ applied: string | null }>(
        `SELECT CASE WHEN ${schema}.count_batch($13::bigint, $14, $15::boolean) THEN
           'yes' || ${schema}.apply($1::text[], $2::integer[], $3::bigint[], $4::text[],
             $5::text[], $6::text[], $7::boolean[], $8::integer[], $9::text[], $10::text[], $11::boolean[],
             $12::bigint)::text END AS applied`,
        [
          contacts,
          plainArray(changes.map(({ version }) => version)),
          ...texts,
          String(position),
          counted === undefined ? null : String(counted.since),
          changesText(counted?.changes),
          String(counted?.complete ?? true),
        ],
      )
      return answer?.applied === 'yes'
    },
    async checkpoint() {
      const [row] = await query<{ position: string }>(`SELECT position::text FROM ${schema}.checkpoint`)
      return Number(row?.position)
    },
    restore: (projection) =>
      untilUnlocked(() => restore(database, projection), contactStream(projection.contactId), lockWaitMs),
  }
}

async function restore(
  { write, schema }: Pick<Database, 'write' | 'schema'>,
  { contactId, version, tags, keyed = [], wakeAt, lane, others }: ContactProjection,
): Promise<boolean> {
  const memberships = [...[...new Set(tags)].map((tag) => ({ tag, key: '' })), ...keyed]
  const [answer] = await write<{ restored: string }>(
    `SELECT CASE WHEN set_config('lock_timeout', '100', true) <> ''
       THEN ${schema}.restore($1, $2::integer, $3::bigint, $4, $5, $6, $7::text[], $8::text[])::text END AS restored`,
    [
      toText(contactId),
      String(version),
      wakeAt === null ? null : String(epochMsOf(wakeAt)),
      toText(lane?.kind ?? ''),
      toText(lane?.campaignId ?? ''),
      othersText(others),
      textArray(memberships.map(({ tag }) => toText(tag))),
      textArray(memberships.map(({ key }) => toText(key))),
    ],
  )
  return answer?.restored === 'true'
}
