/** What can go wrong between a process and a real server: typed errors, nothing lost, nothing twice. */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AppendResult, contactStream, isEnfoldFault, type RecordedEvent, type Store } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { givenOwnServer, givenSchema } from '@enfold/test-servers/given'
import { removePostgres, startPostgres } from '@enfold/test-servers/postgres'
import { sampleStart } from '@enfold/testkit'
import { Pool } from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { givenStore } from './postgres.fixture.ts'

const server = givenOwnServer()

const fault = (code: string) => expect.objectContaining({ name: 'EnfoldFault', code })
const ann = contactStream('ann')
const start = (n: number) => sampleStart('ann', n)
const WAKE_AT = '2026-03-01T09:00:00.000Z'

function givenPool(): Pool {
  const pool = new Pool({ connectionString: server.url })
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
  return pool
}

/** The server's address with settings for the sessions of this connection. */
function urlWith(settings: string): string {
  const url = new URL(server.url)
  url.searchParams.set('options', settings)
  return url.href
}

async function everything(store: Store): Promise<RecordedEvent[]> {
  const all: RecordedEvent[] = []
  for await (const event of store.readAll()) all.push(event)
  return all
}

/** Appends with the same events until it is known that they are written, as the engine does. */
async function appendSurely(store: Store, contactId: string, n: number, faults: Set<string>): Promise<void> {
  for (;;) {
    try {
      const { outcome } = await store.append(contactStream(contactId), [sampleStart(contactId, n)], n - 1)
      expect(outcome).toBe('appended')
      return
    } catch (error) {
      if (!isEnfoldFault(error)) throw error
      faults.add(error.code)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

async function expectWhole(store: Store, contacts: readonly string[], count: number): Promise<void> {
  const events = await everything(store)
  expect(new Set(events.map(({ id }) => id)).size).toBe(contacts.length * count)
  for (const id of contacts) {
    const mine = events.filter(({ stream }) => stream === contactStream(id))
    expect(mine.map((event) => [event.version, event.id])).toEqual(
      Array.from({ length: count }, (_, i) => [i + 1, sampleStart(id, i + 1).id]),
    )
  }
}

const writers = ['c0', 'c1', 'c2', 'c3']

describe('a server', () => {
  it.skipIf(!server.isOurs)(
    'ONCE-3: a server killed in the middle of appends, and restarted, has lost and doubled nothing',
    async () => {
      const store = givenStore(server)
      const reader = createPostgresStore({ connectionString: server.url, schema: store.schema })
      onTestFinished(() => reader.close())
      const [count, faults, done] = [150, new Set<string>(), { appends: 0 }]
      const writing = writers.map(async (id) => {
        for (let n = 1; n <= count; n++) {
          await appendSurely(store, id, n, faults)
          done.appends += 1
        }
      })
      for (const blow of [60, 180, 330]) {
        while (done.appends < blow) await new Promise((resolve) => setTimeout(resolve, 1))
        await server.kill()
        await server.start()
      }
      await Promise.all(writing)
      await expectWhole(reader, writers, count)
      expect(faults).toEqual(new Set(['STORE_UNAVAILABLE']))
    },
  )

  it.skipIf(!server.isOurs)('a server that is not there is a fault, and the store works once it is', async () => {
    const store = givenStore(server)
    await server.kill()
    try {
      await expect(store.append(ann, [start(1)], 'no-stream')).rejects.toThrow(fault('STORE_UNAVAILABLE'))
      await expect(store.nextWake()).rejects.toThrow(fault('STORE_UNAVAILABLE'))
    } finally {
      await server.start()
    }
    expect(await store.append(ann, [start(1)], 'no-stream')).toMatchObject({ outcome: 'appended', repeated: false })
  })

  it('a server that throws out its sessions keeps a subscription waiting, or ends it with a fault, and loses nothing', async () => {
    const schema = givenSchema(server)
    const url = new URL(server.url)
    url.searchParams.set('application_name', schema)
    const store = givenStore(server, { schema, connectionString: url.href })
    const killer = givenPool()
    const [count, faults] = [200, new Set<string>()]
    let written = 0
    const writing = Promise.all(
      writers.map(async (id) => {
        for (let n = 1; n <= count; n++) {
          await appendSurely(store, id, n, faults)
          written += 1
        }
      }),
    )
    const seen: string[] = []
    let position = 0
    const reading = (async () => {
      while (seen.length < writers.length * count)
        try {
          for await (const event of store.subscribe(position, new AbortController().signal)) {
            if (event.type === 'CaughtUp') continue
            position = event.position
            seen.push(event.id)
            if (seen.length === writers.length * count) return
          }
        } catch (error) {
          expect(error).toEqual(fault('STORE_UNAVAILABLE'))
        }
    })()
    // After every twenty: by the clock, a slow machine would have its sessions thrown out before they had done anything.
    for (let next = 0; next < writers.length * count; next += 20) {
      while (written < next) await new Promise((resolve) => setTimeout(resolve, 1))
      await killer.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [schema])
    }
    await Promise.all([writing, reading])
    expect(new Set(seen).size).toBe(writers.length * count)
    await expectWhole(store, writers, count)
    expect(faults).toEqual(new Set(['STORE_UNAVAILABLE']))
  })

  it('ONCE-1: an append whose reply is lost after the commit was written, and the same event ids tell', async () => {
    const schema = givenSchema(server)
    const direct = givenStore(server, { schema })
    await direct.checkpoint()
    const proxy = await givenProxy()
    const store = givenStore(server, { schema, pool: proxy.pool })
    await store.checkpoint()
    proxy.dropNextAnswerTo('.append_known(')
    await expect(store.append(ann, [start(1), start(2)], 'no-stream')).rejects.toThrow(fault('STORE_UNAVAILABLE'))
    expect(await everything(direct)).toHaveLength(2)
    expect(await store.append(ann, [start(1), start(2)], 'no-stream')).toMatchObject({ repeated: true, version: 2 })
    expect(await everything(direct)).toHaveLength(2)
  })

  it('a server that has another transaction in the way, in a deadlock, is asked again by the store itself', async () => {
    const store = givenStore(server)
    const schema = store.schema
    for (const id of ['ann', 'bob'])
      await store.append(contactStream(id), [sampleStart(id, 1)], 'no-stream', { tags: [], wakeAt: WAKE_AT })
    const client = await givenPool().connect()
    onTestFinished(() => client.release(true))
    const lock = (id: string) => client.query(`SELECT FROM ${schema}.agenda WHERE contact = $1 FOR UPDATE`, [id])
    await client.query(`BEGIN; SET LOCAL deadlock_timeout = '1h'`)
    await lock('bob')
    // It takes ann and waits for bob; the other has bob and waits for ann.
    const changes = ['ann', 'bob'].map((contactId) => ({
      contactId,
      version: 2,
      derived: { tags: [], wakeAt: null },
    }))
    const applied = store.apply(changes, 2)
    await lock('ann')
    await client.query('COMMIT')
    await applied
    expect(await store.nextWake()).toBe(null)
  })

  it('a server that asks for another try of the transaction gets it, and is believed when it never ends', async () => {
    const store = givenStore(server)
    await store.checkpoint()
    const failing = await givenFailure(store, '40001', 3)
    expect(await store.append(ann, [start(1)], 'no-stream')).toMatchObject({ outcome: 'appended', repeated: false })
    expect(await everything(store)).toHaveLength(1)
    await failing.fail(1000)
    await expect(store.append(ann, [start(2)], 1)).rejects.toThrow(fault('CONTENTION'))
    expect(await everything(store)).toHaveLength(1)
  })

  it.each([
    ['53100', 'STORE_FULL'],
    ['53200', 'STORE_UNAVAILABLE'],
    ['53300', 'STORE_BUSY'],
    ['57014', 'STORE_BUSY'],
    ['25006', 'STORE_READ_ONLY'],
    ['XX001', 'STORE_CORRUPT'],
    ['58030', 'STORE_UNAVAILABLE'],
  ])('a server that reports %s means %s: nothing is written, and room makes it work again', async (sqlState, code) => {
    const store = givenStore(server)
    await store.append(ann, [start(1)], 'no-stream')
    const failing = await givenFailure(store, sqlState, 2)
    const derived = { tags: [{ change: 'add', contactId: 'ann', tag: 'a/b' }], wakeAt: WAKE_AT } as const
    await expect(store.append(ann, [start(2)], 1, derived)).rejects.toThrow(fault(code))
    await expect(
      store.appendMany([
        { stream: contactStream('bob'), events: [sampleStart('bob', 1)], expected: 'no-stream' },
        { stream: ann, events: [start(2)], expected: 1 },
      ]),
    ).rejects.toThrow(fault(code))
    expect([await everything(store), await store.tagsOf('ann'), await store.nextWake()]).toMatchObject([[{}], [], null])
    await failing.fail(0)
    expect(await store.append(ann, [start(2)], 1, derived)).toMatchObject({ outcome: 'appended', version: 2 })
    expect([await store.tagsOf('ann'), await store.nextWake()]).toEqual([['a/b'], WAKE_AT])
  })

  it('STORE_BUSY: a statement that takes longer than the server allows is cancelled whole', async () => {
    const schema = givenSchema(server)
    const store = givenStore(server, { schema })
    await store.append(ann, [start(1)], 'no-stream', { tags: [], wakeAt: WAKE_AT })
    const hurried = createPostgresStore({ connectionString: urlWith('-c statement_timeout=100'), schema })
    onTestFinished(() => hurried.close())
    const release = await givenLock(schema)
    await expect(hurried.append(ann, [start(2)], 1, { tags: [], wakeAt: null })).rejects.toThrow(fault('STORE_BUSY'))
    await release()
    expect(await everything(store)).toHaveLength(1)
    expect(await hurried.append(ann, [start(2)], 1)).toMatchObject({ outcome: 'appended', repeated: false })
  })

  it('STORE_READ_ONLY: that takes no writes still answers questions', async () => {
    const schema = givenSchema(server)
    const writer = givenStore(server, { schema })
    await writer.append(ann, [start(1)], 'no-stream', { tags: [], wakeAt: WAKE_AT })
    const store = createPostgresStore({ connectionString: urlWith('-c default_transaction_read_only=on'), schema })
    onTestFinished(() => store.close())
    expect(await everything(store)).toHaveLength(1)
    expect(await store.nextWake()).toBe(WAKE_AT)
    const deeds = [
      () => store.append(ann, [start(2)], 1),
      () => store.claimDue(WAKE_AT, 'w', 1, 1000),
      () => store.apply([], 1),
      () => store.restore({ contactId: 'ann', version: 1, tags: [], wakeAt: null }),
    ]
    for (const deed of deeds) await expect(deed()).rejects.toThrow(fault('STORE_READ_ONLY'))
    expect(await everything(store)).toHaveLength(1)
  })

  it.runIf(server.isOurs)(
    'STORE_READ_ONLY: that is a replica answers questions, and sends who follows the log to the primary',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'enfold-replica-'))
      onTestFinished(() => removePostgres(folder))
      const primary = await startPostgres({ folder })
      const writer = createPostgresStore({ connectionString: primary.url })
      await writer.append(ann, [start(1)], 'no-stream', {
        tags: [{ change: 'add', contactId: 'ann', tag: 'a/b' }],
        wakeAt: WAKE_AT,
      })
      await writer.close()
      await primary.stop()
      writeFileSync(join(folder, 'data/standby.signal'), '')
      // The library takes a server for started that accepts connections, and a replica says so of reading ones only.
      const isUp = 'log_line_prefix=database system is ready to accept connections: '
      const replica = await startPostgres({ folder, settings: ['fsync=off', isUp] })
      onTestFinished(() => replica.stop())
      const pool = new Pool({ connectionString: replica.url })
      pool.on('error', () => {})
      onTestFinished(() => pool.end())
      const isReplica = async () => {
        const { rows } = await pool.query<{ is: boolean }>('SELECT pg_is_in_recovery() AS is')
        return rows[0]?.is
      }
      while ((await isReplica().catch(() => undefined)) === undefined)
        await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await isReplica()).toBe(true)

      const store = createPostgresStore({ pool })
      onTestFinished(() => store.close())
      expect((await store.readMany([ann])).get(ann)).toHaveLength(1)
      expect(await store.members('a/b', { after: null, limit: 10 })).toMatchObject({ contacts: ['ann'], total: 1 })
      expect(await store.nextWake()).toBe(WAKE_AT)
      await expect(everything(store)).rejects.toThrow(/replica.*primary/)
      await expect(everything(store)).rejects.toThrow(fault('STORE_READ_ONLY'))
      await expect(store.append(ann, [start(2)], 1)).rejects.toThrow(fault('STORE_READ_ONLY'))
    },
  )

  it('a server that refuses the login, or has no such database, is a fault that says so', async () => {
    const url = new URL(server.url)
    url.password = 'wrong'
    const stranger = givenStore(server, { pool: new Pool({ connectionString: url.href }) })
    // Your own server may trust every caller.
    if (server.isOurs) await expect(stranger.checkpoint()).rejects.toThrow(/refused the login/)
    const lost = createPostgresStore({ connectionString: server.url.replace(/\/[^/]*$/, '/nowhere') })
    await expect(lost.checkpoint()).rejects.toThrow(fault('STORE_UNAVAILABLE'))
    await lost.close()
  })
})

describe('a pool', () => {
  it('STORE_BUSY: of which every connection is in use is a fault after a while, and then works again', async () => {
    const store = givenStore(server, { maxConnections: 1, connectTimeoutMs: 100 })
    // On a busy machine the first connection may take longer than that; the pool keeps it.
    const connected = () =>
      store.checkpoint().then(
        () => true,
        () => false,
      )
    await expect.poll(connected).toBe(true)
    await store.append(ann, [start(1)], 'no-stream', { tags: [], wakeAt: WAKE_AT })
    const release = await givenLock(store.schema)
    const waiting = store.append(ann, [start(2)], 1, { tags: [], wakeAt: null })
    await expect(store.append(contactStream('bob'), [sampleStart('bob', 1)], 'no-stream')).rejects.toThrow(
      fault('STORE_BUSY'),
    )
    await release()
    // On a busy machine a connection may be lost to the short time that is left for it; the same event ids again tell.
    const surely = (append: () => Promise<AppendResult>) =>
      expect
        .poll(() =>
          append().then(
            ({ outcome }) => outcome,
            () => 'failed',
          ),
        )
        .toBe('appended')
    await waiting.catch(() => undefined)
    await surely(() => store.append(ann, [start(2)], 1, { tags: [], wakeAt: null }))
    await surely(() => store.append(contactStream('bob'), [sampleStart('bob', 1)], 'no-stream'))
  })

  it("a pool of the host's stays open when the store is closed", async () => {
    const pool = givenPool()
    const store = givenStore(server, { pool })
    await store.checkpoint()
    await store.close()
    await expect(store.checkpoint()).rejects.toThrow(fault('CLOSED'))
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  it('a pool whose server does not answer at all gives up after a while', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as { port: number }
    const store = createPostgresStore({ connectionString: `postgres://x@127.0.0.1:${port}/x`, connectTimeoutMs: 100 })
    await expect(store.checkpoint()).rejects.toThrow(fault('STORE_UNAVAILABLE'))
    await store.close()
  })
})

// --- Given ---

/** A row of the agenda that another transaction holds, until the answer is called. */
async function givenLock(schema: string): Promise<() => Promise<void>> {
  const client = await givenPool().connect()
  let held = true
  onTestFinished(() => {
    if (held) client.release(true)
  })
  await client.query(`BEGIN; SELECT FROM ${schema}.agenda WHERE contact = 'ann' FOR UPDATE`)
  return async () => {
    held = false
    await client.query('COMMIT')
    client.release()
  }
}

/** Lets the server itself raise an error so many times, in the middle of appends. */
async function givenFailure({ schema }: { readonly schema: string }, sqlState: string, times: number) {
  const pool = givenPool()
  // A sequence counts, because it counts on when a transaction is rolled back.
  await pool.query(`
    CREATE SEQUENCE ${schema}.failures;
    CREATE TABLE ${schema}.failing (times bigint);
    INSERT INTO ${schema}.failing VALUES (${times});
    CREATE FUNCTION ${schema}.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('${schema}.failures') <= (SELECT times FROM ${schema}.failing) THEN
        RAISE EXCEPTION 'simulated' USING ERRCODE = '${sqlState}';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER fail AFTER INSERT ON ${schema}.events FOR EACH ROW WHEN (NEW.stream = 'contact-ann') EXECUTE FUNCTION ${schema}.fail()`)
  return {
    async fail(more: number) {
      await pool.query(`SELECT setval('${schema}.failures', 1); UPDATE ${schema}.failing SET times = ${more}`)
    },
  }
}

/** A way to the server that can lose an answer: what was asked is done, and the connection breaks before anybody hears. */
async function givenProxy() {
  const target = new URL(server.url)
  let drop: string | null = null
  const sockets = new Set<Socket>()
  const listener = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    let dropping = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk) => {
      if (drop !== null && chunk.includes(drop)) {
        drop = null
        dropping = true
      }
      far.write(chunk)
    })
    far.on('data', (chunk) => {
      if (!dropping) near.write(chunk)
      // ReadyForQuery, idle: the transaction is over.
      else if (chunk.includes(Buffer.from('Z\u0000\u0000\u0000\u0005I', 'latin1'))) near.destroy()
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const through = new URL(server.url)
  through.port = String((listener.address() as { port: number }).port)
  const pool = new Pool({ connectionString: through.href })
  pool.on('error', () => {})
  onTestFinished(async () => {
    await pool.end()
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return {
    pool,
    dropNextAnswerTo(text: string) {
      drop = text
    },
  }
}
