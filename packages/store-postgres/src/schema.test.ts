/** The schema: how it comes to be, what it comes to, who may do what with it, and how questions find their answers. */

import { readFileSync, writeFileSync } from 'node:fs'
import { contactStream, type Store, type StreamAppend } from '@enfold/core'
import { createEngine, recountLog } from '@enfold/engine'
import { createPostgresStore, grantsFor } from '@enfold/store-postgres'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { samplePublication, sampleStart } from '@enfold/testkit'
import { Pool } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { migrations } from './migrations/index.ts'
import { givenStore } from './postgres.fixture.ts'

const server = givenServer()

const fault = (code: string) => expect.objectContaining({ name: 'EnfoldFault', code })
const ann = contactStream('ann')

function givenPool(options: ConstructorParameters<typeof Pool>[0] = {}): Pool {
  const pool = new Pool({ connectionString: server.url, ...options })
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
  return pool
}

async function streamsOf(store: Store): Promise<string[]> {
  const all: string[] = []
  for await (const { stream } of store.readAll()) all.push(stream)
  return all
}

describe('the schema', () => {
  it('the schema is what schema.sql says', async () => {
    const schema = givenSchema(server)
    await givenStore(server, { schema }).checkpoint()
    const dump = (await dumpOf(givenPool(), schema)).replaceAll(schema, 'enfold')
    const file = new URL('../schema.sql', import.meta.url)
    if (process.env.ENFOLD_WRITE_SCHEMA !== undefined) writeFileSync(file, dump)
    expect(dump).toBe(readFileSync(file, 'utf8'))
  })

  it('the schema is made once, however many processes open it at once', async () => {
    const schema = givenSchema(server)
    const stores = Array.from({ length: 8 }, () => givenStore(server, { schema }))
    expect(await Promise.all(stores.map((store) => store.checkpoint()))).toEqual(Array(8).fill(0))
    const { rows } = await givenPool().query(`SELECT version FROM ${schema}.migrations ORDER BY version`)
    expect(rows).toEqual(migrations.map((_, i) => ({ version: i + 1 })))
  })

  it('the schema may be named by a word of SQL', async () => {
    const pool = givenPool()
    onTestFinished(async () => void (await pool.query('DROP SCHEMA "select" CASCADE')))
    const store = givenStore(server, { schema: 'select' })
    await store.append(ann, [sampleStart('ann', 1)], 'no-stream')
    expect(await streamsOf(store)).toEqual([ann])
  })

  it('the schema that the owner of the database made is filled by a role that may make none', async () => {
    const schema = givenSchema(server)
    const role = `owner_of_${schema}`
    const pool = givenPool()
    await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'own'; CREATE SCHEMA ${schema} AUTHORIZATION ${role}`)
    onTestFinished(async () => {
      const last = new Pool({ connectionString: server.url, max: 1 })
      await last.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
      await last.end()
    })
    const url = new URL(server.url)
    url.username = role
    url.password = 'own'
    const store = givenStore(server, { schema, pool: givenPool({ connectionString: url.href }) })
    await store.append(ann, [sampleStart('ann', 1)], 'no-stream')
    expect(await streamsOf(store)).toEqual([ann])
  })

  it.each(migrations.slice(1).map((_, i) => i + 1))(
    'the schema of version %i is brought up to date, and what it holds stays',
    async (version) => {
      const schema = givenSchema(server)
      const pool = givenPool()
      await pool.query(`CREATE SCHEMA ${schema};
        CREATE TABLE ${schema}.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`)
      for (const [i, migration] of migrations.slice(0, version).entries()) {
        await pool.query(migration(schema))
        await pool.query(`INSERT INTO ${schema}.migrations (version) VALUES (${i + 1})`)
      }
      await pool.query(`INSERT INTO ${schema}.events (position, version, stream, id, body)
        VALUES (nextval('${schema}.positions'), 1, 'contact-ann', 'an id', '{"type":"SequenceStarted"}')`)
      await pool.query(`INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign)
        VALUES ('bob', 1, 0, 'email', 'pool')`)
      const strict = givenStore(server, { schema, migrate: false })
      await expect(strict.checkpoint()).rejects.toThrow(`is at version ${version}, not ${migrations.length}`)
      const store = givenStore(server, { schema })
      await store.append(ann, [sampleStart('ann', 2)], 1)
      const events = (await store.readMany([ann])).get(ann)
      expect(events?.map(({ id, version }) => [version, id])).toEqual([
        [1, 'an id'],
        [2, sampleStart('ann', 2).id],
      ])
      expect(await store.actions(null, 10)).toEqual([])
      const claims = await store.claimDue('1970-01-02T00:00:00.000Z', 'worker', 10, 1000, new Map([['sms', 0]]))
      expect(claims.map(({ contactId }) => contactId)).toEqual(['bob'])
    },
  )

  it('the schema of another program is refused and left as it was', async () => {
    const schema = givenSchema(server)
    const pool = givenPool()
    await pool.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.theirs (x int)`)
    await expect(givenStore(server, { schema }).checkpoint()).rejects.toThrow(fault('STORE_INCOMPATIBLE'))
    const { rows } = await pool.query(`SELECT tablename FROM pg_tables WHERE schemaname = '${schema}'`)
    expect(rows).toEqual([{ tablename: 'theirs' }])
  })

  it('the schema of a newer release is refused', async () => {
    const schema = givenSchema(server)
    await givenStore(server, { schema }).checkpoint()
    await givenPool().query(`INSERT INTO ${schema}.migrations VALUES (${migrations.length + 1})`)
    const store = givenStore(server, { schema })
    await expect(store.checkpoint()).rejects.toThrow(fault('STORE_INCOMPATIBLE'))
    await expect(store.checkpoint()).rejects.toThrow(`version ${migrations.length + 1}`)
  })

  it('the schema that a newer release brings up to date while it is open takes no more writes, and says so', async () => {
    const schema = givenSchema(server)
    const store = givenStore(server, { schema })
    const wakeAt = '2026-03-01T09:00:00.000Z'
    await store.append(ann, [sampleStart('ann', 1)], 'no-stream', { tags: [], wakeAt })
    const client = await givenPool().connect()
    onTestFinished(() => client.release(true))
    await client.query('BEGIN')
    const bound = store.inTransaction(client)
    expect((await bound.readMany([ann])).get(ann)).toHaveLength(1)
    await givenPool().query(`INSERT INTO ${schema}.migrations VALUES (${migrations.length + 1})`)
    const record = { actionId: 'a', revision: 1 } as Parameters<typeof store.saveAction>[0]
    const writes = [
      () => store.append(ann, [sampleStart('ann', 2)], 1),
      () => bound.append(ann, [sampleStart('ann', 2)], 1),
      () => store.claimDue(wakeAt, 'w', 1, 1000),
      () => store.apply([], 1),
      () => store.restore({ contactId: 'ann', version: 1, tags: [], wakeAt: null }),
      () => store.saveAction(record),
      () => store.nextWake(),
    ]
    for (const write of writes) {
      await expect(write()).rejects.toThrow(fault('STORE_INCOMPATIBLE'))
      await expect(write()).rejects.toThrow(/newer release.*while this process had it open/)
    }
    expect(await streamsOf(store)).toEqual([ann])
    expect(await store.agenda(wakeAt, 9)).toMatchObject([{ contactId: 'ann', leaseUntil: null }])
    expect(await store.action('a')).toBe(null)
  })

  it('the schema is told of to a role that may not make it: what its owner runs, and then it works', async () => {
    const schema = givenSchema(server)
    const role = `app_of_${schema}`
    const owner = givenPool()
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'app'`)
    onTestFinished(async () => {
      const last = new Pool({ connectionString: server.url, max: 1 })
      await last.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
      await last.end()
    })
    const url = new URL(server.url)
    url.username = role
    url.password = 'app'
    const store = givenStore(server, { schema, pool: givenPool({ connectionString: url.href }) })
    const refused = await store.checkpoint().catch((error) => error)
    expect(refused).toEqual(fault('STORE_READ_ONLY'))
    const [statement] = /CREATE SCHEMA "[^;]*/.exec(refused.message) ?? []
    await owner.query(statement as string)
    expect(await store.checkpoint()).toBe(0)
  })

  it('FUNNEL-1: counters that lack events of the log are not complete, until the index is rebuilt', async () => {
    const schema = givenSchema(server)
    const owner = givenPool()
    const store = givenStore(server, { schema })
    await store.checkpoint()
    await owner.query(`UPDATE ${schema}.counters_state SET complete = false`)
    for (const [stream, event] of [
      ['campaign-pool-owners', samplePublication('pool-owners', 1)],
      ['contact-ann', sampleStart('ann', 1)],
    ] as const) {
      const { id, ...body } = event
      await owner.query(
        `INSERT INTO ${schema}.events (position, version, stream, id, body)
         VALUES (nextval('${schema}.positions'), 1, $1, $2, $3)`,
        [stream, id, JSON.stringify(body)],
      )
    }
    expect(await store.counters('pool-owners')).toEqual({ counters: [], complete: false })
    const engine = createEngine({ store, handlers: {} })
    onTestFinished(() => engine.close())
    expect((await engine.verifyIndex()).counters).toHaveLength(4)
    await engine.rebuildIndex()
    const { counters, complete } = await store.counters('pool-owners')
    expect(complete).toBe(true)
    expect(counters.map(({ key, count }) => [key, count]).sort()).toEqual([
      ['["sequence","nurture","active"]', 1],
      ['["sequence","nurture","started"]', 1],
      ['["step","nurture","hello","reached"]', 1],
      ['["step","nurture","hello","waiting"]', 1],
    ])
    expect((await engine.verifyIndex()).counters).toEqual([])
    // One that is new has nothing to count.
    expect((await givenStore(server, { schema: givenSchema(server) }).counters('pool')).complete).toBe(true)
  })

  it('FUNNEL-1: counters are summed up sooner the more of them an append changes', async () => {
    const schema = givenSchema(server)
    const store = givenStore(server, { schema })
    const keys = Array.from({ length: 400 }, (_, i) => [JSON.stringify(['step', 's', `step ${i}`, 'sent']), 1] as const)
    const counters = [{ campaignId: 'pool', campaignVersion: 1, by: keys }]
    for (let n = 1; n <= 40; n++)
      await store.append(ann, [sampleStart('ann', n)], n - 1, { tags: [], wakeAt: null, counters })
    const { rows } = await givenPool().query<{ n: string }>(`SELECT count(*)::text AS n FROM ${schema}.counters`)
    expect(Number(rows[0]?.n)).toBeLessThan(10)
    expect((await store.counters('pool')).counters.every(({ count }) => count === 40)).toBe(true)
  })

  it('the schema is not made where that was not asked for', async () => {
    const schema = givenSchema(server)
    const store = givenStore(server, { schema, migrate: false })
    await expect(store.checkpoint()).rejects.toThrow(fault('STORE_INCOMPATIBLE'))
    await givenStore(server, { schema }).checkpoint()
    expect(await store.checkpoint()).toBe(0)
  })

  it('the schema is not opened where transactions begin in another isolation, or in a database of another encoding', async () => {
    const url = `${server.url}?options=${encodeURIComponent('-c default_transaction_isolation=serializable')}`
    const strict = givenStore(server, { pool: givenPool({ connectionString: url }) })
    await expect(strict.checkpoint()).rejects.toThrow(/read committed/)
    const pool = givenPool()
    await pool.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'`)
    const latin = createPostgresStore({
      connectionString: Object.assign(new URL(server.url), { pathname: 'latin' }).href,
    })
    await expect(latin.checkpoint()).rejects.toThrow(/UTF8/)
    await latin.close()
    await pool.query('DROP DATABASE latin')
  })

  it.each([
    {},
    { connectionString: '' },
    { connectionString: 'postgres://x', pool: new Pool() },
    { connectionString: 'postgres://x', schema: 'A b' },
    { connectionString: 'postgres://x', schema: 'pg_mine' },
    { connectionString: 'postgres://x', hashChain: 1 },
    { connectionString: 'postgres://x', pollMs: 0 },
    { connectionString: 'postgres://x', notify: 7 },
    { pool: new Pool(), maxConnections: 3 },
  ])('the schema is not opened with %o', (options) => {
    expect(() => createPostgresStore(options as never)).toThrow(fault('INVALID_INPUT'))
  })
})

describe('two tenants in one database', () => {
  it('two tenants have nothing to do with each other, not even while one of them writes', async () => {
    const [one, two] = [givenStore(server), givenStore(server)]
    await one.append(ann, [sampleStart('ann', 1)], 'no-stream')
    await two.append(ann, [sampleStart('ann', 1), sampleStart('ann', 2)], 'no-stream')
    expect([await streamsOf(one), await streamsOf(two)]).toEqual([[ann], [ann, ann]])
    // An append in progress holds back the readers of its own log alone.
    const client = await givenPool().connect()
    onTestFinished(() => client.release(true))
    await client.query('BEGIN')
    await one.inTransaction(client).append(contactStream('bob'), [sampleStart('bob', 1)], 'no-stream')
    for (const store of [one, two]) await store.append(contactStream('cid'), [sampleStart('cid', 1)], 'no-stream')
    expect([await streamsOf(one), await streamsOf(two)]).toEqual([[ann], [ann, ann, 'contact-cid']])
  })
})

describe('the role of the application', () => {
  it('the role of the application may do all that a store does, and neither change nor delete nor forge an event', async () => {
    const schema = givenSchema(server)
    const role = `app_${schema}"'`
    const owner = givenPool()
    await givenStore(server, { schema }).checkpoint()
    await owner.query(`CREATE ROLE "${role.replaceAll('"', '""')}" LOGIN PASSWORD 'app'`)
    onTestFinished(async () => {
      const last = new Pool({ connectionString: server.url, max: 1 })
      const name = `"${role.replaceAll('"', '""')}"`
      await last.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`)
      await last.end()
    })
    await owner.query(grantsFor(role, schema))
    const url = new URL(server.url)
    url.username = encodeURIComponent(role)
    url.password = 'app'
    const pool = givenPool({ connectionString: url.href })
    const store = givenStore(server, { schema, pool, migrate: false })
    const derived = {
      tags: [{ change: 'add', contactId: 'ann', tag: 'a/b' }],
      wakeAt: '2026-03-01T09:00:00.000Z',
    } as const
    const { version } = (await store.append(ann, [sampleStart('ann', 1)], 'no-stream', derived)) as { version: number }
    expect(version).toBe(1)
    expect(await streamsOf(store)).toEqual([ann])
    expect(await store.members('a/b', { after: null, limit: 10 })).toMatchObject({ total: 1 })
    const claims = await store.claimDue('2026-03-01T09:00:00.000Z', 'w', 10, 1000)
    expect(await store.renew(claims, '2026-03-01T09:00:00.000Z', 2000)).toHaveLength(1)
    await store.release(claims)
    await store.apply([], 0)
    expect(await store.restore({ contactId: 'ann', version: 1, tags: ['a/c'], wakeAt: null })).toBe(true)
    expect([await store.tagsOf('ann'), await store.nextWake()]).toEqual([['a/c'], null])
    expect(await store.search({ all: ['a/c'], none: ['a/b'] }, { after: null, limit: 10 })).toMatchObject({ total: 1 })
    expect(await store.indexed(null, 10)).toEqual(['ann'])
    expect(await store.agenda('2026-03-01T09:00:00.000Z', 10)).toEqual([])
    expect(await store.contacts(null, 10)).toEqual(['ann'])
    const engine = createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } })
    onTestFinished(() => engine.close())
    const campaign = { id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] }
    await engine.publish(campaign)
    const order = { actionId: 'all', action: 'start', campaignId: 'pool', sequenceId: 'nurture', actor: null } as const
    await engine.processAction({ ...order, contacts: { ids: ['bob', 'cid'] } })
    expect(await engine.inspect.action('all')).toMatchObject({ state: 'done', processed: 2 })
    expect((await engine.inspect.actionContacts({ actionId: 'all' })).contacts).toHaveLength(2)
    expect(await engine.runDue()).toMatchObject({ sent: 2 })
    expect((await engine.inspect.funnel('pool'))?.sequences).toMatchObject([{ started: 2, completed: 2 }])
    expect((await store.countersAt()).counters).not.toEqual([])
    await recountLog({ store, readModel: store })
    await store.apply([], 1, { since: 0, changes: [], complete: false })

    for (const forbidden of [
      `UPDATE ${schema}.events SET body = '{}'`,
      `DELETE FROM ${schema}.events`,
      `TRUNCATE ${schema}.events`,
      `INSERT INTO ${schema}.events (position, version, stream, id, body) VALUES (9, 9, 'contact-ann', 'x', '{}')`,
      `SELECT setval('${schema}.positions', 1)`,
      `SELECT ${schema}.append_events('{contact-x}', '{0}', '{1}', '{x}', '{x}', '{}')`,
      `ALTER TABLE ${schema}.events DISABLE TRIGGER ALL`,
      `CREATE TABLE ${schema}.mine (x int)`,
      `UPDATE ${schema}.migrations SET version = 99`,
    ])
      await expect(pool.query(forbidden)).rejects.toMatchObject({ code: '42501' })
  })

  it('the role of the application is told by a fault what it lacks', async () => {
    const schema = givenSchema(server)
    await givenStore(server, { schema }).checkpoint()
    const role = `poor_${schema}`
    const owner = givenPool()
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'poor'; GRANT USAGE ON SCHEMA ${schema} TO ${role};
      GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}; REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${schema} FROM PUBLIC`)
    onTestFinished(async () => {
      const last = new Pool({ connectionString: server.url, max: 1 })
      await last.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
      await last.end()
    })
    const url = new URL(server.url)
    url.username = role
    url.password = 'poor'
    const pool = givenPool({ connectionString: url.href })
    const store = givenStore(server, { schema, pool, migrate: false })
    expect(await store.count('a/b')).toBe(0)
    await expect(store.append(ann, [sampleStart('ann', 1)], 'no-stream')).rejects.toThrow(fault('STORE_READ_ONLY'))
  })
})

describe('questions', () => {
  it('never read a table from end to end, however much is in it', async () => {
    const schema = givenSchema(server)
    await givenStore(server, { schema }).checkpoint()
    const owner = givenPool()
    await owner.query(`
      INSERT INTO ${schema}.events (position, version, stream, id, body)
        SELECT nextval('${schema}.positions'), 1, 'contact-c' || i, 'e' || i, '{}' FROM generate_series(1, 100000) i;
      INSERT INTO ${schema}.agenda (contact, version, wake_at, kind, campaign)
        SELECT 'c' || i, 1, i * 1000, CASE WHEN i % 3 = 0 THEN 'email' ELSE 'sms' END, 'k' || i % 5 FROM generate_series(1, 100000) i;
      INSERT INTO ${schema}.tags (tag) SELECT 'a/' || i FROM generate_series(0, 4999) i;
      INSERT INTO ${schema}.memberships (tag, contact) SELECT 1 + i % 2, 'c' || i FROM generate_series(1, 100000) i;
      INSERT INTO ${schema}.tag_counts (tag, members) SELECT i, CASE WHEN i < 3 THEN 50000 ELSE 0 END FROM generate_series(1, 5000) i;
      ANALYZE`)
    const settings = ['log_min_duration=0', 'log_nested_statements=on', 'log_analyze=on', 'log_level=notice']
    const options = ['session_preload_libraries=auto_explain', ...settings.map((one) => `auto_explain.${one}`)]
    const pool = givenPool({ max: 1, options: options.map((one) => `-c ${one}`).join(' ') })
    const plans: string[] = []
    pool.on('connect', (client) => void client.on('notice', ({ message }) => void plans.push(message ?? '')))
    const store = givenStore(server, { schema, pool, migrate: false })
    await store.checkpoint()
    plans.length = 0
    const plansOf = async (ask: () => Promise<unknown>) => {
      await ask()
      return plans.splice(0).map((plan) => plan.slice(plan.indexOf('Query Text')))
    }
    const page = { after: 'c5', limit: 50 }
    const derived = {
      tags: [{ change: 'add', contactId: 'ann', tag: 'a/0' }],
      wakeAt: '2026-03-01T09:00:00.000Z',
    } as const
    const some = ['c5', 'c6', 'c7', 'c8'].map(contactStream)
    const appendTo = (stream: string, n: number): StreamAppend => {
      const contactId = stream.slice('contact-'.length)
      const tags = ['a/0', 'a/1', 'a/2'].map(
        (tag, i) => ({ change: i === n % 2 ? 'remove' : 'add', contactId, tag }) as const,
      )
      const state = { reducer: 1, text: '{}' }
      return { stream, events: [sampleStart(contactId, 1)], expected: 1, derived: { ...derived, tags, state } }
    }
    const asked = {
      claim: await plansOf(() => store.claimDue('1970-01-01T12:00:00.000Z', 'w', 10, 60_000)),
      nextWake: await plansOf(() => store.nextWake()),
      agenda: await plansOf(() => store.agenda('1970-01-01T12:00:00.000Z', 10)),
      append: await plansOf(() => store.append(ann, [sampleStart('ann', 1)], 'no-stream', derived)),
      stream: await plansOf(() => store.readMany([ann])),
      seen: await plansOf(() => store.readMany(some)),
      tails: await plansOf(() => store.readTails(some.map((stream) => ({ stream, ids: ['e7'] })))),
      appends: await plansOf(() => store.appendMany(some.map((stream, n) => appendTo(stream, n)))),
      log: await plansOf(() => store.readAll(99_950)[Symbol.asyncIterator]().next()),
      contactsOfLog: await plansOf(() => store.readAll(99_950, { streams: 'contacts' })[Symbol.asyncIterator]().next()),
      campaignsOfLog: await plansOf(() => store.readAll(0, { streams: 'campaigns' })[Symbol.asyncIterator]().next()),
      contacts: await plansOf(() => store.contacts('c5', 10)),
      members: await plansOf(() => store.members('a/0', page)),
      tagsOf: await plansOf(() => store.tagsOf('c5')),
      indexed: await plansOf(() => store.indexed('c5', 10)),
      restore: await plansOf(() => store.restore({ contactId: 'c5', version: 1, tags: ['a/0'], wakeAt: null })),
    }
    for (const [name, found] of Object.entries(asked)) {
      expect([name, found.length]).not.toEqual([name, 0])
      for (const plan of found) {
        expect(plan).not.toMatch(/Seq Scan on (events|agenda|memberships|tag_counts)/)
        // Nothing looks at more than a few pages of rows.
        for (const [, rows] of plan.matchAll(/\(actual time=[^)]* rows=([\d.]+) loops/g))
          expect([plan, Number(rows) <= 1001]).toEqual([plan, true])
      }
    }
    const due = asked.claim.filter((plan) => /^Query Text: WITH due/.test(plan))
    // Five lanes of each kind, though only what is due of them is looked at.
    expect(due.length).toBeGreaterThan(5)
    for (const plan of due) {
      expect(plan).toMatch(/Index Scan using agenda_claimable on agenda a/)
      expect(plan).toMatch(/Index Cond: \(\(kind = .*\) AND \(campaign = .*\) AND \(claimable_at <= /)
    }
    expect(asked.campaignsOfLog.join()).toMatch(/events_of_campaigns/)
    expect(asked.appends.join()).toMatch(/append_known/)
    expect(asked.appends.join()).not.toMatch(/\.append\(/)
  })
})

/** What stands in the catalogue about a schema, as statements; the same on every version of the server. */
async function dumpOf(pool: Pool, schema: string): Promise<string> {
  const { rows } = await pool.query<{ text: string }>(
    `SELECT text FROM (
       SELECT 1 AS part, c.relname::text AS name, format(E'CREATE TABLE %I.%I (\\n%s\\n)%s;', n.nspname, c.relname,
         (SELECT string_agg(format('  %I %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
             CASE WHEN l.collname <> 'default' THEN format(' COLLATE %I', l.collname) ELSE '' END,
             CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
             CASE WHEN a.attgenerated = 's' THEN format(' GENERATED ALWAYS AS (%s) STORED', pg_get_expr(d.adbin, d.adrelid))
               WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
               WHEN d.adbin IS NOT NULL THEN format(' DEFAULT %s', pg_get_expr(d.adbin, d.adrelid)) ELSE '' END), E',\\n' ORDER BY a.attnum)
           FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           LEFT JOIN pg_collation l ON l.oid = a.attcollation
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
         CASE WHEN c.reloptions IS NULL THEN '' ELSE format(' WITH (%s)', array_to_string(c.reloptions, ', ')) END) AS text
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'
       UNION ALL
       SELECT 2, t.conname::text, format('ALTER TABLE %s ADD CONSTRAINT %I %s;', t.conrelid::regclass, t.conname, pg_get_constraintdef(t.oid))
       FROM pg_constraint t WHERE t.connamespace = $1::regnamespace AND t.contype IN ('p', 'u', 'c', 'f')
       UNION ALL
       SELECT 3, i.indexname::text, i.indexdef || ';' FROM pg_indexes i WHERE i.schemaname = $1
       UNION ALL
       SELECT 4, s.sequencename::text, format('CREATE SEQUENCE %I.%I AS %s MINVALUE %s START %s CACHE %s;', s.schemaname, s.sequencename,
         s.data_type, s.min_value, s.start_value, s.cache_size) FROM pg_sequences s WHERE s.schemaname = $1
       UNION ALL
       SELECT 5, p.proname::text, pg_get_functiondef(p.oid) || ';' FROM pg_proc p WHERE p.pronamespace = $1::regnamespace
     ) parts ORDER BY part, name COLLATE "C", text COLLATE "C"`,
    [schema],
  )
  return `-- What the migrations come to. Written by a test from the catalogue; not run by anything.\n\n${rows.map(({ text }) => `${text.trim()}\n`).join('\n')}`
}
