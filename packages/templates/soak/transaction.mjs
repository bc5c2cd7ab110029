/**
 * A transaction of a host's own ORM, with what was generated for it: `node transaction.mjs ORM FOLDER ENDING`. A commit
 * writes the row and the run, a rollback neither.
 */
import { deepEqual } from 'node:assert/strict'
import { join } from 'node:path'

const [orm, folder, ending] = process.argv.slice(2)
const load = (name) => import(join(folder, `${name}.${ending}`))
const url = process.env.DATABASE_URL
const { Pool } = await import('pg')
const pool = new Pool({ connectionString: url })
const insert = (id) => `INSERT INTO "Customer" VALUES ('${id}')`

/** How each begins a transaction, writes a row in it, and ends. */
const orms = {
  async pg() {
    const client = await pool.connect()
    return {
      async within(work) {
        await client.query('BEGIN')
        try {
          await work(client, (id) => client.query(insert(id)))
          await client.query('COMMIT')
        } catch (error) {
          await client.query('ROLLBACK')
          throw error
        }
      },
      close: () => client.release(),
    }
  },
  async prisma() {
    const { PrismaClient } = await import('./prisma/generated/client.ts')
    const { PrismaPg } = await import('@prisma/adapter-pg')
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
    return {
      within: (work) => prisma.$transaction((tx) => work(tx, (id) => tx.customer.create({ data: { id } }))),
      close: () => prisma.$disconnect(),
    }
  },
  async drizzle() {
    const { drizzle } = await import('drizzle-orm/node-postgres')
    const db = drizzle(pool)
    return { within: (work) => db.transaction((tx) => work(tx, (id) => tx.execute(insert(id)))), close() {} }
  },
  async typeorm() {
    const { DataSource } = await import('typeorm')
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    return {
      within: (work) => source.transaction((manager) => work(manager, (id) => manager.query(insert(id)))),
      close: () => source.destroy(),
    }
  },
  async knex() {
    const { default: createKnex } = await import('knex')
    const knex = createKnex({ client: 'pg', connection: url })
    return {
      within: (work) => knex.transaction((trx) => work(trx, (id) => trx.raw(insert(id)))),
      close: () => knex.destroy(),
    }
  },
  async kysely() {
    const { CompiledQuery, Kysely, PostgresDialect } = await import('kysely')
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }) })
    const within = (work) =>
      db.transaction().execute((trx) => work(trx, (id) => trx.executeQuery(CompiledQuery.raw(insert(id)))))
    return { within, close: () => db.destroy() }
  },
  async mikroorm() {
    const { MikroORM } = await import('@mikro-orm/postgresql')
    const orm = await MikroORM.init({ clientUrl: url, entities: [], discovery: { warnWhenNoEntities: false } })
    return {
      within: (work) => orm.em.fork().transactional((em) => work(em, (id) => em.execute(insert(id)))),
      close: () => orm.close(true),
    }
  },
  async sequelize() {
    const { Sequelize } = await import('sequelize')
    const sequelize = new Sequelize(url, { logging: false })
    return {
      within: (work) =>
        sequelize.transaction((transaction) => work(transaction, (id) => sequelize.query(insert(id), { transaction }))),
      close: () => sequelize.close(),
    }
  },
  async 'postgres.js'() {
    const { default: postgres } = await import('postgres')
    const sql = postgres(url)
    return { within: (work) => sql.begin((tx) => work(tx, (id) => tx.unsafe(insert(id)))), close: () => sql.end() }
  },
}

const { engine, store } = await load('enfold/engine')
const { welcome } = await load('enfold/welcome')
const { signedUp } = await load('enfold/enroll')
await engine.publish(welcome)
const host = await orms[orm]()
const [kept, undone] = [`kept-${process.pid}`, `undone-${process.pid}`]
await host.within(async (transaction, add) => {
  await add(kept)
  await signedUp(transaction, kept)
})
const failing = host.within(async (transaction, add) => {
  await add(undone)
  await signedUp(transaction, undone)
  throw new Error('the host changes its mind')
})
deepEqual(await failing.catch(({ message }) => message), 'the host changes its mind')

const { rows } = await pool.query('SELECT id FROM "Customer" WHERE id LIKE $1', [`%-${process.pid}`])
deepEqual(rows, [{ id: kept }])
const typesOf = async (id) => (await engine.inspect.history(id)).map(({ type }) => type)
deepEqual(await typesOf(kept), ['GoalSatisfied', 'SequenceStarted'])
deepEqual(await typesOf(undone), [])
await host.close()
await engine.close()
await store.close()
await pool.end()
