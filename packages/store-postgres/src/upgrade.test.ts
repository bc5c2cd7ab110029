/** The steps of "Upgrade without standing still" in docs/guides/postgres.md, one after the other, on one server. */
import { contactStream, type Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock, sampleStart } from '@enfold/testkit'
import { Pool } from 'pg'
import { expect, it, onTestFinished, vi } from 'vitest'
import { grantsFor } from './grants.ts'
import { migrations } from './migrations/index.ts'
import { createPostgresStore, type PostgresStoreOptions } from './postgres-store.ts'

const server = givenServer()

/** The store of a release that knows one migration more. */
async function newerRelease(): Promise<typeof createPostgresStore> {
  const next = (schema: string) => `ALTER TABLE ${schema}.agenda ADD COLUMN later integer`
  vi.resetModules()
  vi.doMock('./migrations/index.ts', () => ({ migrations: [...migrations, next] }))
  const newer = await import('./postgres-store.ts')
  vi.doUnmock('./migrations/index.ts')
  return newer.createPostgresStore
}

/** Stores of one schema: of the owner, and of a role that may do what `grantsFor` lists. */
async function givenRoles() {
  const schema = givenSchema(server)
  const role = `app_of_${schema}`
  const owner = new Pool({ connectionString: server.url })
  await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'app'`)
  onTestFinished(async () => {
    await owner.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
    await owner.end()
  })
  const url = new URL(server.url)
  url.username = role
  url.password = 'app'
  const closing = (store: Store) => {
    onTestFinished(() => store.close())
    return store
  }
  const options: PostgresStoreOptions = { connectionString: url.href, schema, migrate: false }
  return {
    ofApp: (create: typeof createPostgresStore) => closing(create(options)),
    async openedByOwner(create: typeof createPostgresStore) {
      const store = create({ connectionString: server.url, schema })
      await store.checkpoint()
      await owner.query(grantsFor(role, schema))
      return closing(store)
    },
  }
}

const order = (contactId: string) => ({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })
const ann = contactStream('ann')
const STARTED = { right: { outcome: 'started' } }
const INCOMPATIBLE = expect.objectContaining({ code: 'STORE_INCOMPATIBLE' })

it('a newer release takes over from an older one while orders come in, and each mail goes out once', async () => {
  const [{ ofApp, openedByOwner }, createNewer] = [await givenRoles(), await newerRelease()]
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const sent: string[] = []
  const inFlight = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  const send =
    (release: string) =>
    async ({ contactId }: { readonly contactId: string }) => {
      sent.push(`${release} to ${contactId}`)
      if (contactId === 'ann') {
        inFlight.resolve()
        await answered.promise
      }
      return { outcome: 'sent' } as const
    }
  const engineOn = (store: Store, release: string) => {
    const engine = createEngine({ store, clock, handlers: { email: send(release) } })
    onTestFinished(() => engine.close())
    return engine
  }
  const working = (engine: ReturnType<typeof engineOn>) => {
    const stop = new AbortController()
    const running = engine.run({ signal: stop.signal })
    const end = async () => {
      stop.abort()
      await running
    }
    onTestFinished(end)
    return end
  }
  const owner = engineOn(await openedByOwner(createPostgresStore), 'old')
  await owner.publish({
    id: 'pool',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }],
  })
  const old = engineOn(ofApp(createPostgresStore), 'old')
  const endOldWorker = working(old)
  expect(await old.startSequence(order('ann'))).toMatchObject(STARTED)
  await inFlight.promise

  // 1. The newer processes start, and are not well. The older ones work on.
  const newer = engineOn(ofApp(createNewer), 'new')
  working(newer)
  expect(await newer.health()).toMatchObject({ ok: false, dueLagMs: null })
  await expect(newer.startSequence(order('bob'))).rejects.toEqual(INCOMPATIBLE)
  expect(await old.startSequence(order('bob'))).toMatchObject(STARTED)
  await expect.poll(() => sent).toEqual(['old to ann', 'old to bob'])

  // 2. The older workers end. What is in flight still gets its outcome; what falls due waits.
  const ended = endOldWorker()
  expect(await old.startSequence(order('cid'))).toMatchObject(STARTED)
  answered.resolve()
  await ended
  const typesOf = async (engine: typeof old, id: string) => (await engine.inspect.history(id)).map(({ type }) => type)
  expect(await typesOf(old, 'ann')).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent', 'SequenceCompleted'])
  expect(await typesOf(old, 'cid')).toEqual(['SequenceStarted'])

  // 3. The owner brings the schema up to date: from then on the newer ones work, and the older ones are not well.
  await openedByOwner(createNewer)
  expect(await newer.health()).toMatchObject({ ok: true })
  expect(await old.health()).toMatchObject({ ok: false, dueLagMs: null })
  const refused = { ...order('dot'), commandId: 'for dot' }
  await expect(old.startSequence(refused)).rejects.toEqual(INCOMPATIBLE)
  expect(await old.inspect.history('dot')).toEqual([])
  expect(await newer.startSequence(refused)).toMatchObject(STARTED)
  await expect.poll(() => sent.toSorted()).toEqual(['new to cid', 'new to dot', 'old to ann', 'old to bob'])
  await expect.poll(() => typesOf(newer, 'dot')).toContain('SequenceCompleted')

  // 4. The older processes end.
  await old.close()
  expect(await newer.health()).toMatchObject({ ok: true })
})

it('an append that waits while the schema is brought up to date is refused by what it finds then', async () => {
  const schema = givenSchema(server)
  const store = createPostgresStore({ connectionString: server.url, schema })
  onTestFinished(() => store.close())
  await store.append(ann, [sampleStart('ann', 1)], 'no-stream')
  const host = new Pool({ connectionString: server.url })
  onTestFinished(() => host.end())
  const client = await host.connect()
  onTestFinished(() => client.release(true))
  await client.query(`BEGIN; LOCK TABLE ${schema}.migrations IN ACCESS EXCLUSIVE MODE`)
  const appending = store.append(ann, [sampleStart('ann', 2)], 1).catch((error) => error)
  const waits = async () =>
    (await host.query('SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [`${schema}.migrations`]))
      .rowCount
  await expect.poll(waits).toBe(1)
  await client.query(`INSERT INTO ${schema}.migrations VALUES (${migrations.length + 1}); COMMIT`)
  expect(await appending).toEqual(INCOMPATIBLE)
  expect((await store.readMany([ann])).get(ann)).toHaveLength(1)
})

it('an older schema is told of to a role that may not bring it up to date', async () => {
  const schema = givenSchema(server)
  const role = `app_of_${schema}`
  const owner = new Pool({ connectionString: server.url })
  onTestFinished(async () => {
    await owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    await owner.end()
  })
  const store = createPostgresStore({ connectionString: server.url, schema })
  onTestFinished(() => store.close())
  await store.checkpoint()
  // Grants alone do not change the schema: its owner must open it.
  await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'app'; ${grantsFor(role, schema)}`)
  const url = Object.assign(new URL(server.url), { username: role, password: 'app' })
  const newer = (await newerRelease())({ connectionString: url.href, schema })
  onTestFinished(() => newer.close())
  await expect(newer.checkpoint()).rejects.toThrow(
    `from version ${migrations.length} to ${migrations.length + 1}. Let its owner open the store once`,
  )
})
