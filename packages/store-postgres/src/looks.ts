/**
 * What commands look at before they decide: tails of contacts, and whether a campaign was published. Both are asked within
 * one turn of the event loop, and go in one statement: another one takes another connection and another process of the
 * server.
 */
import type { KeepsStates, Position, RecordedEvent, Tail, TailAsked } from '@enfold/core'
import { eventOf, type Row } from './event-rows.ts'
import { escapeNul, plainArray, textArray } from './pg-text.ts'
import type { Query } from './query.ts'

export interface Looks extends KeepsStates {
  /** Whether any publication is to be seen after a position: one look into an index. */
  hasCampaigns(after: Position): Promise<boolean>
}

interface Found {
  readonly tails: readonly Tail[]
  readonly hasCampaigns: boolean
}

/** A look that begins in the next turn, and what is asked of it until then. */
interface ComingLook {
  readonly asked: TailAsked[]
  after: Position | null
  readonly found: Promise<Found>
}

// Taken before a test may put a simulated one there.
const atNextTurn = globalThis.setImmediate

type At = { readonly query: Query; readonly schema: string }

export function createLooks(at: At): Looks {
  let coming: ComingLook | null = null

  function next(): ComingLook {
    if (coming !== null) return coming
    const turn = new Promise<void>((resolve) => void atNextTurn(resolve))
    const look: ComingLook = {
      asked: [],
      after: null,
      found: turn.then(() => {
        coming = null
        return lookAt(at, look.asked, look.after)
      }),
    }
    coming = look
    return look
  }

  return {
    async readTails(asked) {
      const look = next()
      const first = look.asked.length
      look.asked.push(...asked)
      const { tails } = await look.found
      return tails.slice(first, first + asked.length)
    },
    async hasCampaigns(after) {
      const look = next()
      // Of another engine on this store, which has read the campaigns up to another position.
      if (look.after !== null && look.after !== after) return (await lookAt(at, [], after)).hasCampaigns
      look.after = after
      return (await look.found).hasCampaigns
    },
  }
}

interface LookRow extends Omit<Row, 'stream'> {
  /** The number of what was asked. */
  readonly n: string
  /** A state, an event, that an id stands in the stream, or that a campaign was published. */
  readonly what: 's' | 'e' | 'r' | 'c'
}

async function lookAt({ query, schema }: At, asked: readonly TailAsked[], after: Position | null): Promise<Found> {
  const ids = asked.flatMap(({ ids }, i) => ids.map((id) => ({ id, of: i + 1 })))
  const rows = await query<LookRow>(
    `SELECT t.n, t.what, t.position, t.version, t.id, t.hash, t.body
     FROM ${schema}.read_tails($1::text[], $2::text[], $3::integer[], $4::bigint) t`,
    [
      textArray(asked.map(({ stream }) => escapeNul(stream))),
      textArray(ids.map(({ id }) => escapeNul(id))),
      plainArray(ids.map(({ of }) => of)),
      after === null ? null : String(after),
    ],
  )
  const tails = asked.map(() => ({ stored: null as Tail['stored'], events: [] as RecordedEvent[], isRecorded: false }))
  let hasCampaigns = false
  for (const row of rows) {
    if (row.what === 'c') {
      hasCampaigns = true
      continue
    }
    const tail = tails[Number(row.n) - 1] as (typeof tails)[number]
    const { stream } = asked[Number(row.n) - 1] as TailAsked
    if (row.what === 'e') tail.events.push(eventOf({ ...row, stream: escapeNul(stream) }))
    else if (row.what === 's') tail.stored = { version: Number(row.version), reducer: Number(row.hash), text: row.body }
    else tail.isRecorded = true
  }
  return { tails, hasCampaigns }
}
