/** The input validation of `withTransaction`: what of a host's client can be told to be wrong before anything is asked of it. */
import {
  type Either,
  EnfoldFault,
  type EventStore,
  isLeft,
  left,
  type Rejection,
  type TransactionalStore,
  type TransactionClient,
} from '@enfold/core'

/** What the transactions of drivers have in place of `query`, and the one line that gives it to them. */
const ONE_LINE: readonly (readonly [method: string, line: string])[] = [
  ['$queryRawUnsafe', '{ query: (text, values) => tx.$queryRawUnsafe(text, ...values) }, for Prisma'],
  ['executeQuery', '{ query: (text, values) => trx.executeQuery(CompiledQuery.raw(text, values)) }, for Kysely'],
  ['unsafe', '{ query: (text, values) => sql.unsafe(text, values) }, for postgres.js'],
]

/** Of a contact that the directory did not know, in a transaction that it was not asked in: that it was not. */
export function toldOfTransaction<Answer>(either: Either<Rejection, Answer>): Either<Rejection, Answer> {
  return isLeft(either) && either.left.type === 'ContactUnknown'
    ? left({ ...either.left, outsideTransaction: true })
    : either
}

/** @throws EnfoldFault `INVALID_INPUT` */
export function boundTo(
  store: EventStore & Partial<TransactionalStore>,
  client: TransactionClient,
): ReturnType<TransactionalStore['inTransaction']> {
  if (typeof client?.query !== 'function') {
    const line = ONE_LINE.find(
      ([method]) => typeof (client as unknown as Record<string, unknown>)?.[method] === 'function',
    )
    throw EnfoldFault.unshownInput(
      'withTransaction.client',
      'has no method query',
      `a client with query(text, values)${line === undefined ? '; docs/guides/postgres.md has a line for each driver' : `: ${line[1]}`}`,
    )
  }
  if (store.inTransaction === undefined)
    throw EnfoldFault.unshownInput(
      'withTransaction',
      'is not for this store',
      'a store that joins transactions, as those of PostgreSQL, SQLite and memory do',
    )
  return store.inTransaction(client)
}
