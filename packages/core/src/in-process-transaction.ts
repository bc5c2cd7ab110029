/**
 * Transactions for stores that have none of the host's to join, memory and SQLite: what `engine.withTransaction` writes
 * in one is kept aside, and becomes true all at once at its commit. For unit tests of services that use
 * `withTransaction`, and for hosts with several verbs that must hold together.
 */
import type { NewEvent, RecordedEvent } from './events.ts'
import { EnfoldFault } from './fault.ts'
import type { EventId, Position, StreamId, Version } from './ids.ts'
import type { AppendResult, EventStore, StreamAppend, TransactionalStore, TransactionClient } from './ports/index.ts'
import { appendOf, checkAppend } from './stream-append.ts'

/**
 * What `engine.withTransaction` takes of such a store. `query('COMMIT')` and `query('ROLLBACK')` end it as the methods
 * do, and `query('BEGIN')` does nothing, so that a service may treat it as a client.
 */
export interface InProcessTransaction extends TransactionClient {
  /**
   * Writes everything at once, or nothing.
   *
   * @throws EnfoldFault `CONTENTION` if another has written to one of the contacts meanwhile
   */
  commit(): Promise<void>
  /** Forgets everything. After the end, in either way, it does nothing. */
  rollback(): Promise<void>
}

export interface InProcessTransactionOptions {
  /** What answers the statements of the host itself. Left out, all but BEGIN, COMMIT and ROLLBACK are refused. */
  readonly query?: TransactionClient['query']
}

/** A store that begins transactions by itself, because there are none of the host's to join. */
export interface BeginsTransactions extends TransactionalStore {
  /**
   * Begins a transaction for `engine.withTransaction`. The verbs see what it has written; others do from its commit on.
   * A server would let others wait for a contact until then; here the first commit wins.
   *
   * @example
   * const tx = store.transaction()
   * await engine.withTransaction(tx).startSequence({ contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })
   * await tx.commit()
   */
  transaction(options?: InProcessTransactionOptions): InProcessTransaction
}

export interface TransactionalLog extends Pick<EventStore, 'readMany' | 'readAll'> {
  /** The position of the last event. Positions inside a transaction are counted on from there. */
  head(): Promise<Position>
  /** All of them in one transaction if each meets the versions that it expects and requires; else nothing, and false. */
  appendAll(appends: readonly StreamAppend[]): Promise<boolean>
}

interface Open {
  readonly appends: StreamAppend[]
  /** What it has written, by stream; and the version that each stream had before. */
  readonly events: Map<StreamId, RecordedEvent[]>
  readonly before: Map<StreamId, Version>
  readonly known: Map<EventId, RecordedEvent>
  isOver: boolean
}

/** @param log what the transactions are of */
export function createInProcessTransactions(log: TransactionalLog): BeginsTransactions {
  const transactions = new WeakMap<object, Open>()
  return {
    transaction({ query } = {}) {
      const open: Open = { appends: [], events: new Map(), before: new Map(), known: new Map(), isOver: false }
      const client: InProcessTransaction = {
        commit: () => commit(log, open),
        async rollback() {
          open.isOver = true
        },
        async query(text, values) {
          const [word = ''] = text.trim().toUpperCase().split(/[\s;]/)
          if (word === 'COMMIT') await client.commit()
          else if (word === 'ROLLBACK') await client.rollback()
          else if (word !== 'BEGIN' && query !== undefined) return query(text, values)
          else if (word !== 'BEGIN')
            throw EnfoldFault.unshownInput(
              'transaction.query',
              `is asked a statement of the host's, ${word}`,
              'BEGIN, COMMIT or ROLLBACK; what else the host asks is answered by transaction({ query })',
            )
          return { rows: [] }
        },
      }
      transactions.set(client, open)
      return client
    },
    inTransaction(client) {
      const open = transactions.get(client)
      if (open === undefined)
        throw EnfoldFault.unshownInput(
          'withTransaction.client',
          "is none of this store's",
          'what store.transaction() returns',
        )
      return bound(log, open)
    },
  }
}

async function commit(log: TransactionalLog, open: Open): Promise<void> {
  if (open.isOver) return
  open.isOver = true
  if (open.appends.length === 0 || (await log.appendAll(open.appends))) return
  throw contention()
}

function bound(log: TransactionalLog, open: Open): ReturnType<TransactionalStore['inTransaction']> {
  const refuseIfOver = () => {
    if (open.isOver)
      throw EnfoldFault.unshownInput(
        'withTransaction.client',
        'has ended its transaction',
        'a new one of store.transaction()',
      )
  }

  async function readMany(streams: readonly StreamId[]) {
    refuseIfOver()
    const found = await log.readMany(streams)
    return new Map(
      streams.map((stream) => [stream, [...(found.get(stream) ?? []), ...(open.events.get(stream) ?? [])]]),
    )
  }

  return {
    readMany,
    readAll(after, filter) {
      refuseIfOver()
      return log.readAll(after, filter)
    },
    async append(stream, events, expected, derived, requires = []): Promise<AppendResult> {
      refuseIfOver()
      checkAppend({ stream, events })
      const recorded = (await log.readMany([stream])).get(stream) ?? []
      const mine = open.events.get(stream) ?? []
      const before = open.before.get(stream) ?? recorded.length
      if (before !== recorded.length) throw contention()
      const all = [...recorded, ...mine]
      const repeated = events.flatMap(({ id }) => all.find((event) => event.id === id) ?? [])
      if (repeated.length > 0) return appended(repeated, true)
      const actual = all.length
      if (actual !== (expected === 'no-stream' ? 0 : expected)) return { outcome: 'conflict', actual }
      const required = await log.readMany(requires.map((one) => one.stream))
      if (requires.some((one) => (required.get(one.stream)?.length ?? 0) !== one.version))
        return { outcome: 'conflict', actual, outdated: true }
      const position = (await log.head()) + open.known.size
      const written = events.map((event, i) => placed(event, stream, actual + 1 + i, position + 1 + i))
      open.before.set(stream, before)
      open.events.set(stream, [...mine, ...written])
      for (const event of written) open.known.set(event.id, event)
      open.appends.push(appendOf(stream, events, actual === 0 ? 'no-stream' : actual, derived, requires))
      return appended(written, false)
    },
  }
}

function placed(event: NewEvent, stream: StreamId, version: Version, position: Position): RecordedEvent {
  return { ...structuredClone(event), stream, version, position } as RecordedEvent
}

function appended(events: readonly RecordedEvent[], repeated: boolean): AppendResult {
  const { version, position } = events.at(-1) as RecordedEvent
  return { outcome: 'appended', version, position, events, repeated }
}

function contention(): EnfoldFault {
  return new EnfoldFault(
    'CONTENTION',
    'Another has written to a contact or a campaign of the transaction since it was read there. Nothing was written; begin again.',
  )
}
