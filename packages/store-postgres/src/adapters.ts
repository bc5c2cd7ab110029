/**
 * Transactions of other drivers and ORMs, as `engine.withTransaction` takes them. Each is known by what it has, so that
 * nothing of theirs is imported; what cannot be a transaction is refused before anything is sent.
 */
import { EnfoldFault, type TransactionClient } from '@enfold/core'

type Values = (string | null)[]

/**
 * The transaction of a Prisma client, version 6 or 7, with the driver adapter `@prisma/adapter-pg`.
 *
 * @throws EnfoldFault `INVALID_INPUT` for `prisma` itself, whose statements go over any connection
 * @example
 * await prisma.$transaction(async (tx) => {
 *   await tx.customer.create({ data: { id: 'ada' } })
 *   orThrow(await engine.withTransaction(fromPrisma(tx)).startSequence(order))
 * })
 */
export function fromPrisma(tx: {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>
}): TransactionClient {
  const expected = 'the tx that prisma.$transaction(async (tx) => …) passes'
  needs('fromPrisma.tx', tx, '$queryRawUnsafe', expected)
  if (has(tx, '$connect')) throw outside('fromPrisma.tx', 'prisma itself', expected)
  return clientOf(tx, (text, values) => tx.$queryRawUnsafe(text, ...values))
}

/**
 * The transaction of Drizzle, on pg or on postgres.js.
 *
 * @throws EnfoldFault `INVALID_INPUT` for `db` itself
 * @example
 * await db.transaction(async (tx) => {
 *   orThrow(await engine.withTransaction(fromDrizzle(tx)).startSequence(order))
 * })
 */
export function fromDrizzle(tx: { execute(query: never): PromiseLike<unknown> }): TransactionClient {
  const expected = 'the tx that db.transaction(async (tx) => …) passes'
  needs('fromDrizzle.tx', tx, 'execute', expected)
  if (!has(tx, 'rollback')) throw outside('fromDrizzle.tx', 'db itself', expected)
  // A statement is what tells its text and its parameters. Drizzle's own would number the parameters by itself.
  const statement = (sql: string, params: Values) => ({ getSQL: () => ({ toQuery: () => ({ sql, params }) }) })
  return clientOf(tx, (text, values) => tx.execute(statement(text, values) as never))
}

/**
 * The transaction of TypeORM: its manager, or a query runner on which a transaction was started.
 *
 * @throws EnfoldFault `INVALID_INPUT` for a data source and for a manager without a transaction
 * @example
 * await dataSource.transaction(async (manager) => {
 *   orThrow(await engine.withTransaction(fromTypeOrm(manager)).startSequence(order))
 * })
 */
export function fromTypeOrm(manager: {
  query(text: string, values?: Values): PromiseLike<unknown>
  readonly queryRunner?: unknown
}): TransactionClient {
  const expected = 'the manager that dataSource.transaction(async (manager) => …) passes'
  needs('fromTypeOrm.manager', manager, 'query', expected)
  // A query runner says it of itself. A data source has neither.
  const runner = property(manager, 'queryRunner') ?? manager
  if (property(runner, 'isTransactionActive') !== true)
    throw outside('fromTypeOrm.manager', has(manager, 'createQueryRunner') ? 'a DataSource' : 'a manager', expected)
  return clientOf(manager, (text, values) => manager.query(text, values))
}

/**
 * The transaction of Knex, and of Objection, whose transactions are those of Knex.
 *
 * @throws EnfoldFault `INVALID_INPUT` for `knex` itself and for a transaction that is over
 * @example
 * await knex.transaction(async (trx) => {
 *   orThrow(await engine.withTransaction(fromKnex(trx)).startSequence(order))
 * })
 */
export function fromKnex(trx: {
  raw(text: string, values: Values): PromiseLike<unknown>
  isCompleted?(): boolean
}): TransactionClient {
  const expected = 'the trx that knex.transaction(async (trx) => …) passes'
  needs('fromKnex.trx', trx, 'raw', expected)
  if (property(trx, 'isTransaction') !== true) throw outside('fromKnex.trx', 'knex itself', expected)
  if (trx.isCompleted?.() === true) throw refused('fromKnex.trx', 'is a transaction that is over', expected)
  return clientOf(trx, (text, values) => trx.raw(...questionMarks(text, values, true)))
}

/**
 * The transaction of Kysely. Plugins, as that which renames columns, do not touch what the store asks.
 *
 * @throws EnfoldFault `INVALID_INPUT` for `db` itself
 * @example
 * await db.transaction().execute(async (trx) => {
 *   orThrow(await engine.withTransaction(fromKysely(trx)).startSequence(order))
 * })
 */
export function fromKysely(trx: {
  withoutPlugins(): { executeQuery(query: never): PromiseLike<unknown> }
}): TransactionClient {
  const expected = 'the trx that db.transaction().execute(async (trx) => …) passes'
  needs('fromKysely.trx', trx, 'withoutPlugins', expected)
  if (property(trx, 'isTransaction') !== true) throw outside('fromKysely.trx', 'db itself', expected)
  const plain = trx.withoutPlugins()
  // As `CompiledQuery.raw` of Kysely makes it.
  const statement = (sql: string, parameters: Values) => {
    const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] }
    return { sql, query, parameters, queryId: { queryId: 'enfold' } }
  }
  return clientOf(trx, (text, values) => plain.executeQuery(statement(text, values) as never))
}

/**
 * The transaction of postgres.js.
 *
 * @throws EnfoldFault `INVALID_INPUT` for `sql` itself, whose statements go over any connection
 * @example
 * await sql.begin(async (sql) => {
 *   orThrow(await engine.withTransaction(fromPostgresJs(sql)).startSequence(order))
 * })
 */
export function fromPostgresJs(sql: {
  unsafe(text: string, values?: Values): PromiseLike<unknown>
}): TransactionClient {
  const expected = 'the sql that sql.begin(async (sql) => …) passes'
  needs('fromPostgresJs.sql', sql, 'unsafe', expected)
  if (has(sql, 'begin')) throw outside('fromPostgresJs.sql', 'the sql that postgres(…) returned', expected)
  return clientOf(sql, (text, values) => sql.unsafe(text, values))
}

/**
 * The transaction of MikroORM, version 6 or 7, with its PostgreSQL driver.
 *
 * @throws EnfoldFault `INVALID_INPUT` for an entity manager without a transaction
 * @example
 * await orm.em.transactional(async (em) => {
 *   orThrow(await engine.withTransaction(fromMikroOrm(em)).startSequence(order))
 * })
 */
export function fromMikroOrm(em: {
  execute(text: string, values: Values): PromiseLike<unknown>
  isInTransaction(): boolean
}): TransactionClient {
  const expected = 'the em that em.transactional(async (em) => …) passes'
  needs('fromMikroOrm.em', em, 'execute', expected)
  needs('fromMikroOrm.em', em, 'isInTransaction', expected)
  if (!em.isInTransaction()) throw outside('fromMikroOrm.em', 'an em', expected)
  return clientOf(em, (text, values) => em.execute(...questionMarks(text, values, values.length > 0)))
}

/**
 * The transaction of Sequelize 6.
 *
 * @throws EnfoldFault `INVALID_INPUT` for `sequelize` itself
 * @example
 * await sequelize.transaction(async (transaction) => {
 *   orThrow(await engine.withTransaction(fromSequelize(transaction)).startSequence(order))
 * })
 */
export function fromSequelize(transaction: { commit(): PromiseLike<unknown> }): TransactionClient {
  const expected = 'the transaction that sequelize.transaction(async (transaction) => …) passes'
  const at = 'fromSequelize.transaction'
  if (has(transaction, 'authenticate')) throw outside(at, 'sequelize itself', expected)
  needs(at, transaction, 'commit', expected)
  // Its types do not name it.
  const sequelize = property(transaction, 'sequelize') as Sequelize
  needs(`${at}.sequelize`, sequelize, 'query', expected)
  return clientOf(transaction, (text, bind) => sequelize.query(text, { bind, transaction, type: 'SELECT' }))
}

interface Sequelize {
  query(text: string, options: object): PromiseLike<unknown>
}

const clients = new WeakMap<object, TransactionClient>()

/** One client for each transaction, however often it is asked for: statements on it go one after the other. */
function clientOf(transaction: object, ask: (text: string, values: Values) => PromiseLike<unknown>): TransactionClient {
  const known = clients.get(transaction)
  if (known !== undefined) return known
  // What comes back is looked at by the store, which says so if it holds no rows.
  const client = { query: async (text: string, values: Values) => (await ask(text, values)) as readonly object[] }
  clients.set(transaction, client)
  return client
}

/** What stands in quotes is left alone: names of columns are the host's. */
const QUOTED_OR_NUMBERED = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\d+)/g

/** @param escapes whether a question mark that is none of these is written as `\?` */
function questionMarks(text: string, values: Values, escapes: boolean): [text: string, values: Values] {
  const inOrder: Values = []
  const plain = (part: string) => (escapes ? part.replaceAll('?', '\\?') : part)
  let marked = ''
  let from = 0
  for (const { 0: found, 1: number, index } of text.matchAll(QUOTED_OR_NUMBERED)) {
    marked += plain(text.slice(from, index)) + (number === undefined ? plain(found) : '?')
    if (number !== undefined) inOrder.push(values[Number(number) - 1] ?? null)
    from = index + found.length
  }
  return [marked + plain(text.slice(from)), inOrder]
}

/** Drivers hand out proxies and functions; an unknown property of some throws. */
function property(of: unknown, name: string): unknown {
  try {
    return (of as Readonly<Record<string, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

const has = (of: unknown, method: string) => typeof property(of, method) === 'function'

function needs(path: string, of: unknown, method: string, expected: string): void {
  if (!has(of, method)) throw refused(path, `has no method ${method}`, expected)
}

function outside(path: string, what: string, expected: string): EnfoldFault {
  return refused(path, `is ${what}, outside a transaction`, expected)
}

/** Without the value, which may hold a password. */
function refused(path: string, what: string, expected: string): EnfoldFault {
  return EnfoldFault.unshownInput(path, what, expected)
}
