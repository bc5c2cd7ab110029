/** `withTransaction`: the verbs on contacts inside a transaction of the host's. */
import {
  type ContactDirectory,
  type ContactId,
  type Either,
  EnfoldFault,
  type EventStore,
  isEnfoldFault,
  isLeft,
  left,
  type Rejection,
  type TransactionalStore,
  type TransactionClient,
} from '@enfold/core'
import { type ContactVerbs, createContactVerbs, type Execute } from './contact-verbs.ts'
import { createFacts, type FactsOf } from './directory.ts'
import type { CommandContext } from './engine-context.ts'
import * as input from './input.ts'
import { nothingSeen } from './last-seen.ts'
import { createHistoryOf } from './load-contact.ts'
import { createMutexes } from './mutex.ts'
import { createLoggedOf } from './stored-states.ts'

interface Parts {
  readonly context: CommandContext
  readonly contacts: ContactDirectory | undefined
  readonly contactsTimeoutMs: number
  readonly store: EventStore & Partial<TransactionalStore>
  readonly executeOver: (context: CommandContext) => Execute
}

export function createWithTransaction({ context, contacts, contactsTimeoutMs, store, executeOver }: Parts) {
  return (client: TransactionClient, given: { readonly contacts?: ContactDirectory } = {}): ContactVerbs => {
    input.checkInput('withTransaction.options', given, { 'contacts?': input.anything })
    const bound = boundTo(store, client)
    const exclusively = mutexesOf(client)
    const historyOf = createHistoryOf(bound)
    const executeAsked = executeOver({
      ...context,
      historyOf,
      loggedOf: createLoggedOf({ states: bound, isAlongside: false }, historyOf, context.observe),
      campaigns: context.campaigns.through(bound),
      // It may be rolled back.
      lastSeen: nothingSeen,
      // One by one: the connection is one, and the transaction the host's.
      append: ({ stream, events, expected, derived, requires }) =>
        bound.append(stream, events, expected, derived, requires),
      factsOf: given.contacts === undefined ? outside(context.factsOf) : createFacts(given.contacts, contactsTimeoutMs),
      // Nothing is due before the commit. The store tells of that.
      wakeUp: () => {},
    })
    const executeInside: Execute = (command) => exclusively(command.contactId, () => executeAsked(command))
    // Without a directory everybody exists, and the host's own may ask the transaction.
    if (contacts === undefined || given.contacts !== undefined) return createContactVerbs(executeInside)
    return createContactVerbs((command) => executeInside(command).then(toldOfTransaction))
  }
}

const mutexes = new WeakMap<object, ReturnType<typeof createMutexes<ContactId>>>()

/**
 * For each client, shared by all who have verbs on it: what is asked at once about one contact is done one after the
 * other, from the look at the contact to the append. They would only be in each other's way, and all are of one caller.
 */
function mutexesOf(client: TransactionClient) {
  const known = mutexes.get(client) ?? createMutexes<ContactId>()
  mutexes.set(client, known)
  return known
}

const OUTSIDE =
  'It was asked outside the transaction: if it takes its connections from the same pool, it may wait for one that the ' +
  'open transactions hold. Pass one that reads in the transaction: withTransaction(client, { contacts }).'

/** A directory that waits for a connection which its own caller holds gets none; its fault alone would not tell. */
function outside(factsOf: FactsOf): FactsOf {
  return async (contactId, withinMs) => {
    try {
      return await factsOf(contactId, withinMs)
    } catch (error) {
      if (!isEnfoldFault(error) || (error.code !== 'DIRECTORY_SILENT' && error.code !== 'DIRECTORY_FAILED')) throw error
      throw new EnfoldFault(error.code, `${error.message} ${OUTSIDE}`, error.details, error.cause)
    }
  }
}

/** What the transactions of drivers have instead of `query`, and what makes a client of them. */
const ADAPTERS: readonly (readonly [method: string, call: string])[] = [
  ['$queryRawUnsafe', 'fromPrisma(tx)'],
  ['executeQuery', 'fromKysely(trx)'],
  ['unsafe', 'fromPostgresJs(sql)'],
  ['raw', 'fromKnex(trx)'],
  ['isInTransaction', 'fromMikroOrm(em)'],
  ['execute', 'fromDrizzle(tx)'],
  ['commit', 'fromSequelize(transaction)'],
]

/** Of a contact that the directory did not know, in a transaction that it was not asked in: that it was not. */
function toldOfTransaction<Answer>(either: Either<Rejection, Answer>): Either<Rejection, Answer> {
  return isLeft(either) && either.left.type === 'ContactUnknown'
    ? left({ ...either.left, outsideTransaction: true })
    : either
}

/** @throws EnfoldFault `INVALID_INPUT` */
function boundTo(
  store: EventStore & Partial<TransactionalStore>,
  client: TransactionClient,
): ReturnType<TransactionalStore['inTransaction']> {
  if (typeof client?.query !== 'function') {
    const adapter = ADAPTERS.find(
      ([method]) => typeof (client as unknown as Record<string, unknown>)?.[method] === 'function',
    )
    throw EnfoldFault.unshownInput(
      'withTransaction.client',
      'has no method query',
      `a client with query(text, values), as ${adapter?.[1] ?? 'fromPrisma, fromDrizzle, fromTypeOrm, fromKnex, fromKysely and others make one'} of enfold/postgres`,
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
