/**
 * `engine.withTransaction` over every driver that the guide has a line for: one server, one campaign, and for each the
 * same four proofs. The regions stand in docs/guides/postgres.md.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { campaign, type TransactionClient } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { givenServer } from '@enfold/test-servers/given'
import { MikroORM, type SqlEntityManager } from '@mikro-orm/postgresql'
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import createKnex from 'knex'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import postgres from 'postgres'
import { QueryTypes, Sequelize } from 'sequelize'
import { DataSource } from 'typeorm'
import { beforeAll, describe, expect, it } from 'vitest'

const server = givenServer()

type Values = (string | null)[]
type Work = (client: TransactionClient) => Promise<void>

/** A driver: how it runs work in a transaction, what it looks like without one, and how it is closed. */
interface Driver {
  transaction(work: Work): Promise<void>
  readonly outside: TransactionClient
  close(): Promise<unknown>
}

// #region drizzle
const drizzleQuery = (text: string, values: Values) => {
  const parts = text
    .split(/\$(\d+)/)
    .map((part, i) => (i % 2 === 0 ? drizzleSql.raw(part) : drizzleSql`${values[+part - 1]}`))
  return drizzleSql.join(parts)
}
// #endregion drizzle

// #region question-marks
const questionMarks = (text: string, values: Values): [string, Values] => {
  const inOrder: Values = []
  const marked = text.replace(/\$(\d+)/g, (_, n) => {
    inOrder.push(values[n - 1] ?? null)
    return '?'
  })
  return [marked, inOrder]
}
// #endregion question-marks

/** What the tests use of a client that is made by `prisma generate`, which no type check waits for. */
interface Prisma {
  $queryRawUnsafe(text: string, ...values: unknown[]): Promise<object[]>
  $transaction(work: (tx: Prisma) => Promise<void>): Promise<void>
  $disconnect(): Promise<void>
}

/** @param folder of the package that has this Prisma */
async function createPrisma(folder: string, url: string): Promise<Prisma> {
  const schema = join(folder, 'prisma/schema.prisma')
  // It needs no engine to generate, but would download one.
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    DATABASE_URL: url,
    CHECKPOINT_DISABLE: '1',
  }
  execFileSync(join(folder, 'node_modules/.bin/prisma'), ['generate', '--schema', schema], { env, stdio: 'pipe' })
  const { PrismaClient } = await import(join(folder, 'prisma/generated/client.ts'))
  const { PrismaPg }: typeof import('@prisma/adapter-pg') = createRequire(join(folder, 'package.json'))(
    '@prisma/adapter-pg',
  )
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
}

const prismaIn =
  (folder: string) =>
  async (url: string): Promise<Driver> => {
    const prisma = await createPrisma(folder, url)
    const clientOf = (tx: Prisma): TransactionClient => ({
      query: (text, values) => tx.$queryRawUnsafe(text, ...values),
    })
    return {
      outside: clientOf(prisma),
      async close() {
        await prisma.$disconnect()
        // Nobody's source: no check of the sources is to find it.
        rmSync(join(folder, 'prisma/generated'), { recursive: true, force: true })
      },
      transaction: (work) => prisma.$transaction((tx) => work(clientOf(tx))),
    }
  }

const drivers: { readonly [name: string]: (url: string) => Promise<Driver> } = {
  async pg(url) {
    const pool = new Pool({ connectionString: url })
    return {
      outside: pool,
      close: () => pool.end(),
      async transaction(work) {
        const client = await pool.connect()
        try {
          await client.query('BEGIN')
          await work(client)
          await client.query('COMMIT')
        } catch (error) {
          await client.query('ROLLBACK')
          throw error
        } finally {
          client.release()
        }
      },
    }
  },
  async Kysely(url) {
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }) })
    const clientOf = (trx: Pick<Kysely<unknown>, 'executeQuery'>): TransactionClient => ({
      query: (text, values) => trx.executeQuery<object>(CompiledQuery.raw(text, values)),
    })
    return {
      outside: clientOf(db),
      close: () => db.destroy(),
      transaction: (work) => db.transaction().execute((trx) => work(clientOf(trx))),
    }
  },
  async 'Drizzle on pg'(url) {
    const pool = new Pool({ connectionString: url })
    const db = drizzle(pool)
    const clientOf = (tx: Pick<typeof db, 'execute'>): TransactionClient => ({
      query: (text, values) => tx.execute(drizzleQuery(text, values)),
    })
    return {
      outside: clientOf(db),
      close: () => pool.end(),
      transaction: (work) => db.transaction((tx) => work(clientOf(tx))),
    }
  },
  async 'Drizzle on postgres.js'(url) {
    const sql = postgres(url, { onnotice: () => {} })
    const db = drizzlePostgresJs(sql)
    const clientOf = (tx: Pick<typeof db, 'execute'>): TransactionClient => ({
      query: (text, values) => tx.execute<Record<string, unknown>>(drizzleQuery(text, values)),
    })
    return {
      outside: clientOf(db),
      close: () => sql.end(),
      transaction: (work) => db.transaction((tx) => work(clientOf(tx))),
    }
  },
  async 'postgres.js'(url) {
    const sql = postgres(url, { onnotice: () => {} })
    const clientOf = (tx: Pick<typeof sql, 'unsafe'>): TransactionClient => ({
      query: (text, values) => tx.unsafe<object[]>(text, values),
    })
    return {
      outside: clientOf(sql),
      close: () => sql.end(),
      transaction: async (work) => void (await sql.begin((tx) => work(clientOf(tx)))),
    }
  },
  'Prisma 6': prismaIn(join(import.meta.dirname, '../prisma-6')),
  'Prisma 7': prismaIn(join(import.meta.dirname, '..')),
  async TypeORM(url) {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    return {
      outside: source.manager,
      close: () => source.destroy(),
      transaction: (work) => source.transaction((manager) => work(manager)),
    }
  },
  async Knex(url) {
    const knex = createKnex({ client: 'pg', connection: url })
    const clientOf = (trx: Pick<typeof knex, 'raw'>): TransactionClient => ({
      query: async (text, values) => trx.raw(...questionMarks(text, values)),
    })
    return {
      outside: clientOf(knex),
      close: () => knex.destroy(),
      transaction: (work) => knex.transaction((trx) => work(clientOf(trx))),
    }
  },
  async Sequelize(url) {
    const sequelize = new Sequelize(url, { logging: false })
    const clientOf = (more: object): TransactionClient => ({
      query: (text, bind) => sequelize.query(text, { bind, type: QueryTypes.SELECT, ...more }),
    })
    return {
      outside: clientOf({}),
      close: () => sequelize.close(),
      transaction: (work) => sequelize.transaction((transaction) => work(clientOf({ transaction }))),
    }
  },
  async MikroORM(url) {
    const orm = await MikroORM.init({ clientUrl: url, entities: [], discovery: { warnWhenNoEntities: false } })
    const clientOf = (em: SqlEntityManager): TransactionClient => ({
      query: (text, values) => em.execute<object[]>(...questionMarks(text, values)),
    })
    return {
      outside: clientOf(orm.em.fork()),
      close: () => orm.close(true),
      transaction: (work) => orm.em.fork().transactional((em) => work(clientOf(em))),
    }
  },
}

const pool = campaign({
  id: 'pool',
  goals: [],
  sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }],
})
const order = (contactId: string) => ({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })

describe.each(Object.entries(drivers))('a transaction of %s', (name, connect) => {
  let driver: Driver
  let engine: Engine
  const schema = `of_${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`

  beforeAll(async () => {
    const store = createPostgresStore({ connectionString: server.url, schema })
    engine = createEngine({ store, handlers: {} })
    await engine.publish(pool)
    driver = await connect(server.url)
    return async () => {
      await driver.close()
      await engine.close()
      await store.close()
    }
  })

  const typesOf = async (id: string) => (await engine.inspect.history(id)).map(({ type }) => type)

  it('commits campaigns, hostile ids too, and rolls them back', async () => {
    const ids = ['ann', `it's "q\\uoted" {1,2} $1 ?`]
    await driver.transaction(async (client) => {
      for (const id of ids)
        expect(await engine.withTransaction(client).startSequence(order(id))).toMatchObject({
          right: { outcome: 'started', run: 1 },
        })
      expect(await engine.withTransaction(client).startSequence(order('ann'))).toMatchObject({
        right: { outcome: 'already_active' },
      })
      expect(await typesOf('ann')).toEqual([])
    })
    for (const id of ids) expect(await typesOf(id)).toEqual(['SequenceStarted'])
    const failing = driver.transaction(async (client) => {
      await engine.withTransaction(client).startSequence(order('bob'))
      throw new Error('the host changes its mind')
    })
    await expect(failing).rejects.toThrow('changes its mind')
    expect(await typesOf('bob')).toEqual([])
  })

  it('a transaction is told from the driver without one, which is refused', async () => {
    await expect(engine.withTransaction(driver.outside).startSequence(order('cid'))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('is not inside a transaction'),
    })
    expect(await typesOf('cid')).toEqual([])
  })

  it('a transaction that has failed is CONTENTION, however the driver wraps it, and no fault shows a value', async () => {
    const failing = driver.transaction(async (client) => {
      await client.query('SELECT 1 / 0', []).catch(() => {})
      const refused = await engine
        .withTransaction(client)
        .startSequence(order('dot'))
        .catch((error) => error)
      expect(refused).toMatchObject({ name: 'EnfoldFault', code: 'CONTENTION', details: { sqlState: '25P02' } })
      expect(`${refused.message} ${refused.cause}`).not.toContain('dot')
      throw new Error('the end')
    })
    await expect(failing).rejects.toThrow('the end')
  })
})
