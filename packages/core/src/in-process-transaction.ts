/**
 * Transactions for stores that have none of the host's to join, memory and SQLite: what `engine.withTransaction` writes
 * in one is kept aside, and becomes true all at once at its commit. For unit tests of services that use
 * `withTransaction`, and for hosts with several verbs that must hold together.
 */
import type { NewEvent, RecordedEvent } from './events.ts'
import { EnfoldFault } from './fault.ts'
import type { Position, StreamId, Version } from './ids.ts'
import { readStatement, type Statement } from './in-process-statement.ts'
import type { TransactionClient } from './ports/host.ts'
import type { AppendResult, EventStore, StreamAppend } from './ports/log.ts'
import type { KeepsStates, Tail, TransactionalStore } from './ports/store.ts'
import { appendedOf } from './store/checks.ts'
import { appendOf, checkAppend } from './stream-append.ts'

/**
 * What `engine.withTransaction` takes of such a store. A service may treat it as a client: COMMIT and ROLLBACK as
 * statements end it as the methods do, BEGIN does nothing, and ROLLBACK TO forgets what was written since the SAVEPOINT.
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
  /** What answers the statements of the host itself. Left out, they are refused. Those on transactions are not among them. */
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

export interface TransactionalLog extends Pick<EventStore, 'readMany' | 'readAll'>, KeepsStates {
  /** The position of the last event. Positions inside a transaction are counted on from there. */
  head(): Promise<Position>
  /** All of them in one transaction if each meets the versions that it expects and requires; else nothing, and false. */
  appendAll(appends: readonly StreamAppend[]): Promise<boolean>
}

interface Open {
  readonly writes: Write[]
  /** What it has written, by stream; and the version that each of these streams had before. */
  readonly events: Map<StreamId, readonly RecordedEvent[]>
  readonly before: Map<StreamId, Version>
  /** The newest last, each with how many writes there were. */
  readonly savepoints: { readonly name: string; readonly writes: number }[]
  /** One after the other, as on a connection: what is between two reads of the log must not change. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>
  isOver: boolean
}

interface Write {
  readonly append: StreamAppend
  readonly events: readonly RecordedEvent[]
  /** How many events the transaction has with these. */
  readonly count: number
}

/** @param log what the transactions are of */
export function createInProcessTransactions(log: TransactionalLog): BeginsTransactions {
  const transactions = new WeakMap<object, Open>()
  return {
    transaction({ query } = {}) {
      const open = begun()
      const client: InProcessTransaction = {
        commit: () => open.exclusively(() => commit(log, open)),
        rollback: () =>
          open.exclusively(async () => {
            open.isOver = true
          }),
        async query(text, values) {
          const statement = readStatement(text)
          if (statement.does === 'other') {
            if (query === undefined) throw unanswered(statement.word)
            return query(text, values)
          }
          if (statement.does === 'commit') await client.commit()
          else if (statement.does === 'rollback') await client.rollback()
          else if ('name' in statement) await open.exclusively(async () => moveTo(open, statement))
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

function begun(): Open {
  let last: Promise<unknown> = Promise.resolve()
  return {
    writes: [],
    events: new Map(),
    before: new Map(),
    savepoints: [],
    exclusively(work) {
      const mine = last.then(work)
      last = mine.catch(() => {})
      return mine
    },
    isOver: false,
  }
}

async function commit(log: TransactionalLog, open: Open): Promise<void> {
  if (open.isOver) return
  open.isOver = true
  if (open.writes.length === 0 || (await log.appendAll(open.writes.map(({ append }) => append)))) return
  throw contention()
}

/** Sets a savepoint, goes back to one, or takes it away with all that came after it. */
function moveTo(open: Open, { does, name }: Extract<Statement, { readonly name: string }>): void {
  refuseIfOver(open)
  const { savepoints, writes } = open
  if (does === 'savepoint') {
    savepoints.push({ name, writes: writes.length })
    return
  }
  const at = savepoints.findLastIndex((one) => one.name === name)
  const savepoint = savepoints[at]
  if (savepoint === undefined)
    throw EnfoldFault.unshownInput(
      'transaction.query',
      `is asked ${does.toUpperCase()} a savepoint that the transaction does not have`,
      'the name of an earlier SAVEPOINT. Nothing was changed',
    )
  savepoints.length = does === 'release' ? at : at + 1
  if (does === 'rollback to') for (const write of writes.splice(savepoint.writes).reverse()) forget(open, write)
}

function forget({ events, before }: Open, { append: { stream }, events: { length } }: Write): void {
  const left = (events.get(stream) ?? []).slice(0, -length)
  events.set(stream, left)
  if (left.length === 0) before.delete(stream)
}

function refuseIfOver(open: Open): void {
  if (open.isOver)
    throw EnfoldFault.unshownInput(
      'withTransaction.client',
      'has ended its transaction',
      'a new one of store.transaction()',
    )
}

function bound(log: TransactionalLog, open: Open): ReturnType<TransactionalStore['inTransaction']> {
  return {
    readMany: (streams) =>
      open.exclusively(async () => {
        refuseIfOver(open)
        const found = await log.readMany(streams)
        return new Map(
          streams.map((stream) => [stream, [...(found.get(stream) ?? []), ...(open.events.get(stream) ?? [])]]),
        )
      }),
    readTails: (asked) =>
      open.exclusively(async () => {
        refuseIfOver(open)
        const found = await log.readTails(asked)
        return asked.map(({ stream, ids }, i): Tail => {
          const { stored, events, isRecorded } = found[i] as Tail
          const mine = open.events.get(stream) ?? []
          const isMine = mine.some(({ id }) => ids.includes(id))
          return { stored, events: [...events, ...mine], isRecorded: isRecorded || isMine }
        })
      }),
    readAll(after, filter) {
      refuseIfOver(open)
      return log.readAll(after, filter)
    },
    append: (stream, events, expected, derived, requires) =>
      open.exclusively(() => append(log, open, appendOf(stream, events, expected, derived, requires))),
  }
}

async function append(log: TransactionalLog, open: Open, one: StreamAppend): Promise<AppendResult> {
  const { stream, events, expected, requires = [] } = one
  refuseIfOver(open)
  checkAppend(one)
  const recorded = (await log.readMany([stream])).get(stream) ?? []
  const mine = open.events.get(stream) ?? []
  const before = open.before.get(stream) ?? recorded.length
  if (before !== recorded.length) throw contention()
  const all = [...recorded, ...mine]
  const repeated = events.flatMap(({ id }) => all.find((event) => event.id === id) ?? [])
  if (repeated.length > 0) return appendedOf(repeated.at(-1) as RecordedEvent, true)
  const actual = all.length
  if (actual !== (expected === 'no-stream' ? 0 : expected)) return { outcome: 'conflict', actual }
  const required = await log.readMany(requires.map((each) => each.stream))
  if (requires.some((each) => (required.get(each.stream)?.length ?? 0) !== each.version))
    return { outcome: 'conflict', actual, outdated: true }
  const count = open.writes.at(-1)?.count ?? 0
  const position = (await log.head()) + count
  const written = events.map((event, i) => placed(event, stream, actual + 1 + i, position + 1 + i))
  open.before.set(stream, before)
  open.events.set(stream, [...mine, ...written])
  open.writes.push({
    append: { ...one, expected: actual === 0 ? 'no-stream' : actual },
    events: written,
    count: count + written.length,
  })
  return appendedOf(written.at(-1) as RecordedEvent, false)
}

function placed(event: NewEvent, stream: StreamId, version: Version, position: Position): RecordedEvent {
  return { ...structuredClone(event), stream, version, position } as RecordedEvent
}

function unanswered(word: string): EnfoldFault {
  return EnfoldFault.unshownInput(
    'transaction.query',
    `is asked a statement of the host's, ${word}`,
    'BEGIN, COMMIT, ROLLBACK or one on a savepoint; what else the host asks is answered by transaction({ query })',
  )
}

function contention(): EnfoldFault {
  return new EnfoldFault(
    'CONTENTION',
    'Another has written to a contact or a campaign of the transaction since it was read there. Nothing was written; begin again.',
  )
}
