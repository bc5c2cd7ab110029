/**
 * `engine.withTransaction` over every driver that the guide has a line for: one server, one campaign, and for each the
 * same proofs.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { campaign, type TransactionClient } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import {
  createPostgresStore,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromMikroOrm,
  fromPostgresJs,
  fromPrisma,
  fromSequelize,
  fromTypeOrm,
} from '@enfold/store-postgres'
import { givenServer } from '@enfold/test-servers/given'
import { MikroORM } from '@mikro-orm/postgresql'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import createKnex from 'knex'
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import postgres from 'postgres'
import { Sequelize } from 'sequelize'
import { DataSource } from 'typeorm'
import { beforeAll, describe, expect, it } from 'vitest'

const server = givenServer()

type Work = (client: TransactionClient) => Promise<void>

/** A driver: how it runs work in a transaction, what it looks like without one, and how it is closed. */
interface Driver {
  transaction(work: Work): Promise<void>
  outside(): TransactionClient
  close(): Promise<unknown>
}

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
    return {
      outside: () => fromPrisma(prisma),
      async close() {
        await prisma.$disconnect()
        // Nobody's source: no check of the sources is to find it.
        rmSync(join(folder, 'prisma/generated'), { recursive: true, force: true })
      },
      transaction: (work) => prisma.$transaction((tx) => work(fromPrisma(tx))),
    }
  }

const drivers: { readonly [name: string]: (url: string) => Promise<Driver> } = {
  async pg(url) {
    const pool = new Pool({ connectionString: url })
    return {
      outside: () => pool,
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
  // Hosts have their columns renamed. Those of the store are not theirs.
  async Kysely(url) {
    const dialect = new PostgresDialect({ pool: new Pool({ connectionString: url }) })
    const db = new Kysely<unknown>({ dialect, plugins: [new CamelCasePlugin()] })
    return {
      outside: () => fromKysely(db),
      close: () => db.destroy(),
      transaction: (work) => db.transaction().execute((trx) => work(fromKysely(trx))),
    }
  },
  async 'Drizzle on pg'(url) {
    const pool = new Pool({ connectionString: url })
    const db = drizzle(pool)
    return {
      outside: () => fromDrizzle(db),
      close: () => pool.end(),
      transaction: (work) => db.transaction((tx) => work(fromDrizzle(tx))),
    }
  },
  async 'Drizzle on postgres.js'(url) {
    const sql = postgres(url, { onnotice: () => {} })
    const db = drizzlePostgresJs(sql)
    return {
      outside: () => fromDrizzle(db),
      close: () => sql.end(),
      transaction: (work) => db.transaction((tx) => work(fromDrizzle(tx))),
    }
  },
  async 'postgres.js'(url) {
    const sql = postgres(url, { onnotice: () => {}, transform: postgres.camel })
    return {
      outside: () => fromPostgresJs(sql),
      close: () => sql.end(),
      transaction: async (work) => void (await sql.begin((sql) => work(fromPostgresJs(sql)))),
    }
  },
  'Prisma 6': prismaIn(join(import.meta.dirname, '../prisma-6')),
  'Prisma 7': prismaIn(join(import.meta.dirname, '..')),
  async TypeORM(url) {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    return {
      outside: () => fromTypeOrm(source.manager),
      close: () => source.destroy(),
      transaction: (work) => source.transaction((manager) => work(fromTypeOrm(manager))),
    }
  },
  async Knex(url) {
    const knex = createKnex({ client: 'pg', connection: url })
    return {
      outside: () => fromKnex(knex),
      close: () => knex.destroy(),
      transaction: (work) => knex.transaction((trx) => work(fromKnex(trx))),
    }
  },
  async Sequelize(url) {
    const sequelize = new Sequelize(url, { logging: false })
    return {
      // @ts-expect-error: it is no transaction.
      outside: () => fromSequelize(sequelize),
      close: () => sequelize.close(),
      transaction: (work) => sequelize.transaction((transaction) => work(fromSequelize(transaction))),
    }
  },
  async MikroORM(url) {
    const orm = await MikroORM.init({ clientUrl: url, entities: [], discovery: { warnWhenNoEntities: false } })
    return {
      outside: () => fromMikroOrm(orm.em.fork()),
      close: () => orm.close(true),
      transaction: (work) => orm.em.fork().transactional((em) => work(fromMikroOrm(em))),
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
    const outside = async () => engine.withTransaction(driver.outside()).startSequence(order('cid'))
    await expect(outside()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(
        /is not inside a transaction|is .+, outside a transaction; expected the .+ passes/,
      ),
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
