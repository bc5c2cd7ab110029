/** Writes index and agenda apart from appends. */
import {
  type Change,
  type ContactId,
  type ContactProjection,
  contactStream,
  epochMsOf,
  type ProjectionStore,
  type StoredState,
} from '@enfold/core'
import { untilUnlocked } from './around-locks.ts'
import { changesText } from './counters.ts'
import type { Database } from './database.ts'
import { othersText, projectionTexts, stateTexts } from './derived-texts.ts'
import { escapeNul, plainArray, textArray, unescapeNul } from './pg-text.ts'

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
      const kept = statesIn(changes)
      // Both in one expression, from the left to the right: what is kept sees what was applied.
      const applied = `${schema}.apply($1::text[], $2::integer[], $3::bigint[], $4::text[],
             $5::text[], $6::text[], $7::boolean[], $8::integer[], $9::text[], $10::text[], $11::boolean[],
             $12::bigint)::text`
      const keeping = `${schema}.keep_applied(${applied}, $16::text[], $17::integer[], $18::integer[], $19::text[])`
      const [answer] = await write<{ applied: string | null }>(
        `SELECT CASE WHEN ${schema}.count_batch($13::bigint, $14, $15::boolean) THEN
           'yes' || ${kept.length === 0 ? applied : keeping} END AS applied`,
        [
          contacts,
          plainArray(changes.map(({ version }) => version)),
          ...texts,
          String(position),
          counted === undefined ? null : String(counted.since),
          changesText(counted?.changes),
          String(counted?.complete ?? true),
          ...kept,
        ],
      )
      return answer?.applied === 'yes'
    },
    async checkpoint() {
      const [row] = await query<{ position: string }>(`SELECT position::text FROM ${schema}.checkpoint`)
      return Number(row?.position)
    },
    async states(contacts) {
      const rows = await query<StateRow>(
        `SELECT s.contact, s.version::text, s.reducer::text, s.state FROM ${schema}.states s
         WHERE s.contact = ANY ($1::text[])`,
        [textArray(contacts.map(escapeNul))],
      )
      return new Map(rows.map((row) => [unescapeNul(row.contact) as ContactId, storedOf(row)]))
    },
    restore: (projection) =>
      untilUnlocked(() => restore(database, projection), contactStream(projection.contactId), lockWaitMs),
  }
}

interface StateRow {
  readonly contact: string
  readonly version: string
  readonly reducer: string
  readonly state: string
}

function storedOf({ version, reducer, state }: StateRow): StoredState {
  return { version: Number(version), reducer: Number(reducer), text: state }
}

const textOf = (number: number | undefined) => (number === undefined ? null : String(number))

/** As parameters: the contacts whose states are kept, their versions, and what they are. */
function statesIn(changes: readonly Change[]): readonly string[] {
  const all = changes.flatMap(({ contactId, version, derived: { state } }) =>
    state === undefined ? [] : [{ contactId, version, ...state }],
  )
  if (all.length === 0) return []
  const [contacts = '', ...texts] = stateTexts(all)
  return [contacts, plainArray(all.map(({ version }) => version)), ...texts]
}

async function restore(
  { write, schema }: Pick<Database, 'write' | 'schema'>,
  { contactId, version, tags, keyed = [], wakeAt, lane, others, state }: ContactProjection,
): Promise<boolean> {
  const memberships = [...[...new Set(tags)].map((tag) => ({ tag, key: '' })), ...keyed]
  const restored = `${schema}.restore($1, $2::integer, $3::bigint, $4, $5, $6, $7::text[], $8::text[])`
  const kept = `${schema}.keep_restored(${restored}, $1, $9::integer, $10::integer, $11)`
  const [answer] = await write<{ restored: string }>(
    `SELECT CASE WHEN set_config('lock_timeout', '100', true) <> ''
       THEN ${state === undefined ? restored : kept}::text END AS restored`,
    [
      escapeNul(contactId),
      String(version),
      wakeAt === null ? null : String(epochMsOf(wakeAt)),
      escapeNul(lane?.kind ?? ''),
      escapeNul(lane?.campaignId ?? ''),
      othersText(others),
      textArray(memberships.map(({ tag }) => escapeNul(tag))),
      textArray(memberships.map(({ key }) => escapeNul(key))),
      ...(state === undefined ? [] : [textOf(state?.version), textOf(state?.reducer), state?.text ?? null]),
    ],
  )
  return answer?.restored === 'true'
}
