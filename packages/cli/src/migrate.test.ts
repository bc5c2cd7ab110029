/** `enfold migrate`: what it does, and that the SQL which it prints does the same. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createPostgresStore, grantsFor } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { Pool } from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { enfold, temporaryDirectory } from './cli.fixture.ts'

const server = givenServer()
const folder = temporaryDirectory()

function givenUrl() {
  const schema = givenSchema(server)
  const url = new URL(server.url)
  url.searchParams.set('schema', schema)
  return { schema, url: url.href }
}

it('a SQLite file: how it stands, migrated, and the same by the SQL that is printed', async () => {
  const path = join(folder, 'campaigns.db')
  const store = `sqlite:${path}`
  expect(await enfold(['migrate', store, '--status'])).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/campaigns\.db: version 0 of \d+, to be migrated\n$/),
  })
  const { stdout: sql } = await enfold(['migrate', store, '--sql'])
  expect(await enfold(['migrate', store])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('migrated from version 0'),
  })
  expect(await enfold(['migrate', store, '--status'])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/version (\d+) of \1, up to date/),
  })
  expect(await enfold(['migrate', store, '--sql'])).toMatchObject({ status: 0, stdout: '' })

  const byHand = join(folder, 'by-hand.db')
  const database = new DatabaseSync(byHand)
  database.exec(sql)
  database.close()
  const opened = createSqliteStore({ path: byHand })
  onTestFinished(() => opened.close())
  expect(await opened.checkpoint()).toBe(0)
  const schemaOf = (file: string) => {
    const read = new DatabaseSync(file, { readOnly: true })
    try {
      return read.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all()
    } finally {
      read.close()
    }
  }
  expect(schemaOf(byHand)).toEqual(schemaOf(path))
})

it('PostgreSQL schemas: one by its name, all of a database, and the SQL by a role that owns them for one that only works', async () => {
  const one = givenUrl()
  const two = givenUrl()
  expect(await enfold(['migrate', one.url, '--status'])).toMatchObject({ status: 1 })
  const { stdout: sql } = await enfold(['migrate', two.url, '--sql'])
  expect(await enfold(['migrate', one.url])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^schema \S+: migrated from version 0 to \d+\n$/),
  })
  const owner = new Pool({ connectionString: server.url })
  onTestFinished(() => owner.end())
  const role = `running_${two.schema}`
  await owner.query(sql)
  // Again: what was applied meanwhile is not applied a second time.
  await expect(owner.query(sql)).rejects.toThrow()
  await owner.query('ROLLBACK').catch(() => {})
  await owner.query(`CREATE ROLE "${role}" LOGIN PASSWORD 'sesame'`)
  onTestFinished(async () => {
    await owner.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`)
  })
  await owner.query(grantsFor(role, two.schema))
  const running = new URL(server.url)
  running.username = role
  running.password = 'sesame'
  const store = createPostgresStore({ connectionString: running.href, schema: two.schema, migrate: false })
  onTestFinished(() => store.close())
  expect(await store.checkpoint()).toBe(0)

  const all = await enfold(['migrate', server.url, '--all-schemas', '--status'])
  for (const { schema } of [one, two])
    expect(all.stdout).toMatch(new RegExp(`schema ${schema}: version \\d+ of \\d+, up to date`))
})

it('what cannot be migrated is refused, and nothing is changed', async () => {
  expect(await enfold(['migrate', 'esdb://host:2113'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('migrate is for'),
  })
  expect(await enfold(['migrate', 'sqlite:x.db', '--all-schemas'])).toMatchObject({ status: 2 })
  expect(await enfold(['migrate', 'postgres://ada@host/crm?schema=mine', '--all-schemas'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('the URL names one, mine'),
  })
  expect(await enfold(['migrate', 'sqlite:x.db', '--sql', '--status'])).toMatchObject({ status: 2 })
  const foreign = join(folder, 'foreign.db')
  const database = new DatabaseSync(foreign)
  database.exec('CREATE TABLE theirs (id)')
  database.close()
  expect(await enfold(['migrate', `sqlite:${foreign}`])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is a SQLite database of another program'),
  })
})
