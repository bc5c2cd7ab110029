import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  campaignStream,
  contactStream,
  type NewEvent,
  type RecordedEvent,
  type Store,
  type StreamId,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { createSqliteStore, migrationSql } from '@enfold/store-sqlite'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createAgendaTable } from './agenda.ts'
import { openDatabase } from './database.ts'
import { createEventLog } from './event-log.ts'
import { givenPath } from './file.fixture.ts'
import { migrations } from './migrations/index.ts'
import { eventOf, TAG, WAKE_AT } from './other-process.ts'
import { givenProcess } from './process.fixture.ts'
import { storeOn } from './sqlite-store.ts'
import { createTagTables } from './tag-index.ts'

function open(path: string, options: { busyTimeoutMs?: number; readOnly?: boolean } = {}): Store {
  const store = createSqliteStore({ path, ...options })
  onTestFinished(() => store.close())
  return store
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const fault = (code: string) => expect.objectContaining({ name: 'EnfoldFault', code })

/** Starts a contact as `other-process.ts` does. */
function start(store: Store, contactId: string) {
  const events = [0, 1, 2].map((index) => eventOf(contactId, 'start', index))
  const tags = [{ change: 'add', contactId, tag: TAG }] as const
  return store.append(contactStream(contactId), events, 'no-stream', { tags, wakeAt: WAKE_AT })
}

/** Every contact has all its three events, its tag and its place on the agenda, or nothing; returns those. */
async function wholeContacts(store: Store): Promise<string[]> {
  const contacts = [...(await store.contacts(null, 1_000_000))].toSorted()
  const events = await collect(store.readAll())
  const byStream = Map.groupBy(events, (event: RecordedEvent) => event.stream)
  for (const contactId of contacts)
    expect(byStream.get(contactStream(contactId))?.map(({ version }) => version)).toEqual([1, 2, 3])
  const agenda = await store.agenda(WAKE_AT, 1_000_000)
  expect(agenda.map(({ contactId }) => contactId).toSorted()).toEqual(contacts)
  const indexed: string[] = []
  for (let after: string | null = null, next = true; next; ) {
    const page: Awaited<ReturnType<Store['members']>> = await store.members(TAG, { after, limit: 10_000 })
    indexed.push(...page.contacts)
    after = page.next
    next = after !== null
    expect(page.total).toBe(contacts.length)
  }
  expect(indexed.toSorted()).toEqual(contacts)
  return contacts
}

describe('the file', () => {
  it('the file has the schema of schema.sql (`vitest run -u` writes it again)', async () => {
    const path = givenPath()
    await open(path).close()
    const connection = new DatabaseSync(path)
    const objects = connection
      .prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name')
      .all()
    connection.close()
    const dump = `-- What the migrations come to. Written by a test; not run by anything.\n\n${objects.map(({ sql }) => `${sql};\n`).join('\n')}`
    await expect(dump).toMatchFileSnapshot('../schema.sql')
  })

  it('a subscription loses no event that another process writes between its looks at events and head', async () => {
    const path = givenPath()
    const database = openDatabase({ path, synchronous: 'FULL', readOnly: false, busyTimeoutMs: 1000 })
    const other = open(path)
    await start(other, 'ann')
    let writeNow = false
    const prepare = database.connection.prepare.bind(database.connection)
    database.connection.prepare = (sql) => {
      const statement = prepare(sql)
      if (!sql.includes('max(position)')) return statement
      const get = statement.get.bind(statement)
      statement.get = () => {
        // It is written before this returns, as if another process did it at this moment.
        if (writeNow) void start(other, 'bob')
        writeNow = false
        return get()
      }
      return statement
    }
    const store = storeOn(database, { path, pollMs: 1 })
    onTestFinished(() => store.close())
    const streams: string[] = []
    writeNow = true
    for await (const event of store.subscribe(0, new AbortController().signal)) {
      if (event.type !== 'CaughtUp') streams.push(event.stream)
      if (event.type === 'CaughtUp' && event.position === 6) break
    }
    expect(streams).toEqual([...Array(3).fill(contactStream('ann')), ...Array(3).fill(contactStream('bob'))])
  })

  it('the file waits for the disk with each answer, and not with a claim, whatever becomes of the claim', async () => {
    const database = openDatabase({ path: givenPath(), synchronous: 'FULL', readOnly: false, busyTimeoutMs: 1000 })
    onTestFinished(() => database.open.close(() => database.connection.close()))
    const [normal, full] = [1, 2]
    const mode = () => Object.values(database.connection.prepare('PRAGMA synchronous').get() ?? {})[0]
    expect(await database.write(mode)).toBe(full)
    expect(await database.writeWithoutSync(mode)).toBe(normal)
    expect(await database.write(mode)).toBe(full)
    const failing = database.writeWithoutSync(() => {
      throw new Error('A claim that comes to nothing.')
    })
    await expect(failing).rejects.toThrow('comes to nothing')
    expect(await database.write(mode)).toBe(full)
  })

  it('the file is brought up to date from each earlier version, with what it holds; FUNNEL-1: and says that its counters are not complete', async () => {
    for (let version = 1; version < migrations.length; version++) {
      const path = givenPath()
      const connection = new DatabaseSync(path)
      for (const sql of migrations.slice(0, version)) connection.exec(sql)
      connection.exec(`PRAGMA application_id = ${0x456e666f}; PRAGMA user_version = ${version}`)
      const { id, ...body } = eventOf('ann', 'start', 0)
      connection
        .prepare('INSERT INTO events (stream, version, id, body) VALUES (?, 1, ?, ?)')
        .run(contactStream('ann'), id, JSON.stringify(body))
      const [now, rooms] = ['1970-01-02T00:00:00.000Z', new Map([['sms', 0]])]
      if (version > 1) {
        const insert = connection.prepare(
          `INSERT INTO agenda (contact, version, wake_at, kind, campaign) VALUES (?, 1, ?, 'email', 'pool')`,
        )
        for (const contact of ['cem', 'dan']) insert.run(contact, now)
      }
      if (version > 1 && version < migrations.findIndex((sql) => sql.includes('CREATE TABLE leases')) + 1)
        connection.exec("UPDATE agenda SET lease_until = '1970-01-03', worker = 'w' WHERE contact = 'dan'")
      else if (version > 1) connection.exec("INSERT INTO leases VALUES ('dan', '1970-01-03', 'w')")
      connection.close()
      expect(() => open(path, { readOnly: true })).toThrow(fault('STORE_INCOMPATIBLE'))
      const store = open(path)
      expect(await store.contacts(null, 10)).toEqual(['ann'])
      // What stood there before is not counted (FUNNEL-1); `rebuildIndex` does it.
      const { complete, revision } = await store.countersAt()
      // A file that had counters already is made by the statements alone here, and empty when they ran.
      expect(complete).toBe(version > migrations.findIndex((sql) => sql.includes('CREATE TABLE counters ')))
      expect(await store.correctCounters([], revision)).toBe(true)
      expect(await store.countersAt()).toMatchObject({ complete: true, position: 1 })
      const claims = await store.claimDue(now, 'worker', 10, 1000, rooms)
      // One is claimed: its lease is kept.
      expect(claims.map(({ contactId }) => contactId)).toEqual(version > 1 ? ['cem'] : [])
      await start(store, 'bob')
      expect(await store.count(TAG)).toBe(1)
    }
  })

  it('the file of a newer release is refused, with both versions, and left untouched', async () => {
    const path = givenPath()
    await open(path).close()
    const connection = new DatabaseSync(path)
    connection.exec(`PRAGMA user_version = ${migrations.length + 1}; CREATE TABLE tomorrow (x)`)
    connection.close()
    const before = readFileSync(path)
    for (const readOnly of [false, true]) {
      const message = new RegExp(`version ${migrations.length + 1};.* up to ${migrations.length}\\.`)
      expect(() => open(path, { readOnly })).toThrow(fault('STORE_INCOMPATIBLE'))
      expect(() => open(path, { readOnly })).toThrow(message)
    }
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('the file that a newer release brings up to date while it is open takes no more writes, and says so', async () => {
    const path = givenPath()
    const store = open(path)
    await start(store, 'ann')
    const newer = new DatabaseSync(path)
    newer.exec(`PRAGMA user_version = ${migrations.length + 1}`)
    newer.close()
    const outdated = expect.objectContaining({
      code: 'STORE_INCOMPATIBLE',
      message: expect.stringMatching(/newer release.*while this process had it open/),
    })
    await expect(start(store, 'bob')).rejects.toThrow(outdated)
    await expect(store.claimDue(WAKE_AT, 'w', 1, 1000)).rejects.toThrow(outdated)
    await expect(store.apply([], 1)).rejects.toThrow(outdated)
    await expect(store.nextWake()).rejects.toThrow(outdated)
    expect(await collect(store.readAll())).toHaveLength(3)
  })

  it.each(['DELETE', 'WAL'])('the file of another program is refused and left untouched (journal mode %s)', (mode) => {
    const path = givenPath()
    const connection = new DatabaseSync(path)
    connection.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)`)
    connection.close()
    const before = readFileSync(path)
    expect(() => open(path)).toThrow(fault('STORE_INCOMPATIBLE'))
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('the file of another program that has it open is refused, and what is not yet in the file itself stays where it is', () => {
    const path = givenPath()
    const theirs = new DatabaseSync(path)
    onTestFinished(() => theirs.close())
    theirs.exec('PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)')
    const files = () => readdirSync(dirname(path)).filter((name) => !name.endsWith('-shm'))
    const bytes = () => files().map((name) => readFileSync(`${dirname(path)}/${name}`).toString('base64'))
    const before = bytes()
    expect(() => open(path)).toThrow(fault('STORE_INCOMPATIBLE'))
    expect(bytes()).toEqual(before)
    expect(theirs.prepare('SELECT x FROM theirs').all()).toEqual([{ x: 1 }])
  })

  it('the file that is no database is refused and left untouched', () => {
    const path = givenPath()
    writeFileSync(path, 'Dear diary, '.repeat(1000))
    expect(() => open(path)).toThrow(fault('STORE_INCOMPATIBLE'))
    expect(readFileSync(path, 'utf8')).toBe('Dear diary, '.repeat(1000))
  })

  it('the file that cannot be is a fault that names it', () => {
    const path = `${givenPath()}/no/such/folder.db`
    expect(() => open(path)).toThrow(fault('STORE_UNAVAILABLE'))
    expect(() => open(path)).toThrow(path)
    expect(() => open(givenPath(), { readOnly: true })).toThrow(fault('STORE_UNAVAILABLE'))
  })

  it('the file that is a folder is refused with a file to name in its place', () => {
    const folder = dirname(givenPath())
    expect(() => open(folder)).toThrow(fault('INVALID_INPUT'))
    expect(() => open(folder)).toThrow(/is ".*"; expected the path of a file, not of a folder: ".*enfold\.db"/)
    expect(() => open(`${folder}/none/a.db`)).toThrow(`there is no folder "${folder}/none"`)
  })

  it('the file that is damaged says so', async () => {
    const path = givenPath()
    const store = open(path)
    for (let n = 0; n < 200; n++) await start(store, `c${n}`)
    await store.close()
    const bytes = readFileSync(path)
    // What opening reads, the schema, stands in the first pages.
    bytes.fill(0xee, 4096 * Math.floor(bytes.length / 4096 / 2))
    writeFileSync(path, bytes)
    const damaged = open(path)
    await expect(collect(damaged.readAll())).rejects.toThrow(fault('STORE_CORRUPT'))
  })

  it('a file opened to read only gives everything and takes nothing', async () => {
    const path = givenPath()
    const writer = open(path)
    await start(writer, 'ann')
    await writer.close()
    const before = readFileSync(path)
    const store = open(path, { readOnly: true })
    expect(await wholeContacts(store)).toEqual(['ann'])
    const [event] = await collect(store.readStream(contactStream('ann')))
    const deeds = [
      () => start(store, 'bob'),
      () => store.append(contactStream('ann'), [{ ...(event as RecordedEvent), id: 'another' }], 3),
      () => store.claimDue(WAKE_AT, 'w', 1, 1000),
      () => store.apply([], 1),
      () => store.restore({ contactId: 'ann', version: 3, tags: [], wakeAt: null }),
    ]
    for (const deed of deeds) await expect(deed()).rejects.toThrow(fault('STORE_READ_ONLY'))
    await store.close()
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it.each([
    { path: '' },
    { path: 'x', synchronous: 'OFF' },
    { path: 'x', busyTimeoutMs: 0 },
    { path: 'x', pollMs: 0.5 },
    { path: 'x', readOnly: 'yes' },
  ])('the file is not opened with %o', (options) => {
    expect(() => createSqliteStore(options as never)).toThrow(fault('INVALID_INPUT'))
  })
})

describe('a step that is dispatched', () => {
  it('STEP-6: a dispatched step leaves the row of the agenda, whose contact wakes as before when its lease has run out', async () => {
    const store = open(givenPath())
    await start(store, 'ann')
    const claims = await store.claimDue(WAKE_AT, 'w1', 1, 60_000)
    expect(claims).toMatchObject([{ contactId: 'ann', wakeAt: WAKE_AT }])
    const later = '2026-03-01T10:00:30.000Z'
    await store.append(contactStream('ann'), [eventOf('ann', 'dispatch', 0)], 3, {
      tags: [],
      wakeAt: later,
      agendaStays: true,
    })
    expect(await store.claimDue(later, 'w2', 1, 60_000)).toEqual([])
    expect(await store.claimDue('2026-03-01T10:01:00.000Z', 'w2', 1, 60_000)).toMatchObject([{ wakeAt: WAKE_AT }])
  })
})

/** As a process does that opens it at the same time, and that would try again. */
function madeByAnother(path: string): void {
  const other = new DatabaseSync(path, { timeout: 0 })
  try {
    other.exec(migrationSql())
  } catch {
    // It is locked, or made already.
  } finally {
    other.close()
  }
}

describe('several processes', () => {
  it.each([1, 2, 3])(
    'a file that another process makes after look %i is not taken for that of another program',
    (after) => {
      const path = givenPath()
      const { prepare } = DatabaseSync.prototype
      let looks = 0
      vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (this: DatabaseSync, sql: string) {
        const statement = prepare.call(this, sql)
        const get = statement.get.bind(statement, {})
        statement.get = () => {
          const row = get()
          if (++looks === after) madeByAnother(path)
          return row
        }
        return statement
      })
      onTestFinished(() => void vi.restoreAllMocks())
      const store = open(path)
      expect(looks).toBeGreaterThan(2)
      return store.close()
    },
  )

  it('ONCE-2: append to the same streams, and nothing is lost', async () => {
    const path = givenPath()
    const contacts = ['ann', 'bob', 'cid']
    const processes = ['one', 'two'].map((name) => givenProcess({ task: 'append', path, name, count: 200, contacts }))
    const acknowledged = (await Promise.all(processes.map((process) => process.rest()))).flat()
    expect(acknowledged).toHaveLength(400)
    const store = open(path)
    const events = await collect(store.readAll())
    expect(events.map(({ id }) => id).toSorted()).toEqual(acknowledged.toSorted())
    for (const contactId of contacts) {
      const versions = (await collect(store.readStream(contactStream(contactId)))).map(({ version }) => version)
      expect(versions).toEqual(versions.map((_, i) => i + 1))
    }
  })

  it('ONCE-2: nothing is decided from memory that another process has overtaken', async () => {
    const path = givenPath()
    const store = open(path)
    const stream = contactStream('ann')
    const append = (commandId: string, expected: number) =>
      store.append(stream, [eventOf('ann', commandId, 0)], expected === 0 ? 'no-stream' : expected, {
        tags: [{ change: 'add', contactId: 'ann', tag: TAG }],
        wakeAt: WAKE_AT,
      })
    expect(await append('first', 0)).toMatchObject({ outcome: 'appended', version: 1 })
    const other = givenProcess({ task: 'append', path, name: 'other', count: 1, contacts: ['ann'] })
    const [id] = await other.rest()
    // As this process remembers the stream, its version is 1.
    expect(await append('second', 1)).toEqual({ outcome: 'conflict', actual: 2 })
    expect(await append('second', 2)).toMatchObject({ outcome: 'appended', version: 3 })
    const events = await collect(store.readStream(stream))
    expect(events.map((event) => event.id)).toEqual([expect.any(String), id, eventOf('ann', 'second', 0).id])
    let previous: string | null = null
    for (const event of events) {
      previous = chainHash(previous, digestOf(event))
      expect(event.hash).toBe(previous)
    }
  })

  it('a large state that another process has replaced is read as it is now', async () => {
    const path = givenPath()
    const [here, there] = [open(path), open(path)]
    await start(here, 'ann')
    const put = (store: Store, letter: string) =>
      store.restore({
        contactId: 'ann',
        version: 3,
        tags: [],
        wakeAt: null,
        state: { version: 3, reducer: 1, text: JSON.stringify(letter.repeat(100_000)) },
      })
    const letterIn = async (store: Store) => (await store.states(['ann'])).get('ann')?.text[1]
    for (const [store, letter] of [
      [here, 'a'],
      [there, 'b'],
      [here, 'c'],
    ] as const) {
      expect(await put(store, letter)).toBe(true)
      expect([await letterIn(here), await letterIn(there)]).toEqual([letter, letter])
      const [tail] = await here.readTails([{ stream: contactStream('ann'), ids: [] }])
      expect(tail?.stored?.text[1]).toBe(letter)
    }
  })

  it('a state that another process stores between the events of a tail and its state is read with its own events', async () => {
    const path = givenPath()
    const there = open(path)
    const stream = contactStream('ann')
    const kept = (text: string) => ({ tags: [], wakeAt: null, state: { reducer: 1, text } })
    await there.append(stream, [eventOf('ann', 'start', 0)], 0, kept('a'))
    await there.append(stream, [eventOf('ann', 'start', 1)], 1)
    const [, second] = await collect(there.readStream(stream))

    const database = openDatabase({ path, synchronous: 'FULL', readOnly: false, busyTimeoutMs: 1000 })
    const other = openDatabase({ path, synchronous: 'FULL', readOnly: false, busyTimeoutMs: 1000 })
    let hasStored = false
    const connection = new Proxy(database.connection, {
      get(target, name) {
        if (name !== 'prepare') return Reflect.get(target, name).bind(target)
        return (sql: string) => {
          const statement = target.prepare(sql)
          if (!/^SELECT .* FROM states WHERE/.test(sql)) return statement
          const get = statement.get.bind(statement)
          return Object.assign(statement, {
            get(contact: string) {
              if (!hasStored) other.connection.exec("UPDATE states SET version = 2, state = 'b'")
              hasStored = true
              return get(contact)
            },
          })
        }
      },
    })
    const store = storeOn({ ...database, connection }, { path })
    onTestFinished(() => store.close())
    const tails = await store.readTails([{ stream, ids: [] }])
    expect(hasStored).toBe(true)
    expect(tails).toEqual([{ stored: { version: 2, reducer: 1, text: 'b' }, events: [second], isRecorded: false }])
    other.connection.close()
  })

  it('GATE-2: no event of a campaign is missed for what is remembered of the end of the log', async () => {
    const path = givenPath()
    const [here, there] = [open(path), open(path)]
    const headHere = async (after: number) => {
      for await (const event of here.subscribe(after, new AbortController().signal, { streams: 'campaigns' }))
        if (event.type === 'CaughtUp') return event.position
      return null
    }
    let after = 0
    for (const [i, store] of [here, there, here, there, there].entries()) {
      const append = async (stream: StreamId, event: NewEvent) => {
        const appended = await store.append(stream, [event], 'no-stream')
        return appended.outcome === 'appended' ? appended.position : null
      }
      expect(await collect(here.readAll(after, { streams: 'campaigns' }))).toEqual([])
      const campaignId = `campaign ${i}`
      const started = eventOf(`contact ${i}`, 'start', 0)
      const unpublished = { ...started, type: 'CampaignUnpublished', data: { campaignId, campaignVersion: 1 } } as const
      const position = await append(campaignStream(campaignId), unpublished)
      const head = await append(contactStream(`contact ${i}`), started)
      const [event, ...more] = await collect(here.readAll(after, { streams: 'campaigns' }))
      expect([event?.position, more]).toEqual([position, []])
      after = event?.position ?? 0
      expect(await headHere(after)).toBe(head)
      expect(await headHere(after)).toBe(head)
    }
  })

  it('what a transaction wrote that was undone is not remembered', async () => {
    const store = createSqliteStore({ path: givenPath() })
    onTestFinished(() => store.close())
    const one = (contactId: string, index: number) => ({
      stream: contactStream(contactId),
      events: [eventOf(contactId, 'start', index)],
      expected: 'no-stream' as const,
      derived: { tags: [{ change: 'add', contactId, tag: TAG }] as const, wakeAt: WAKE_AT },
    })
    const twice = { ...one('bob', 0), events: [eventOf('bob', 'start', 0), eventOf('bob', 'start', 0)] }
    await expect(store.appendMany([one('ann', 0), twice])).rejects.toThrow(fault('EVENT_ID_REUSED'))
    expect(await store.appendMany([one('ann', 0)])).toMatchObject([{ outcome: 'appended', version: 1 }])
    expect(await store.members(TAG, { after: null, limit: 10 })).toMatchObject({ contacts: ['ann'], total: 1 })
  })

  it('a subscription sees what another process appends', async () => {
    const path = givenPath()
    const store = open(path)
    const seen: string[] = []
    const other = givenProcess({ task: 'append', path, name: 'other', count: 20, contacts: ['ann'] })
    for await (const event of store.subscribe(0, new AbortController().signal)) {
      if (event.type !== 'CaughtUp') seen.push(event.id)
      if (seen.length === 20) break
    }
    expect(seen).toEqual(await other.rest())
  })

  it('STORE_BUSY: a lock that is held for too long is a fault, waited for without blocking the process', async () => {
    const path = givenPath()
    const impatient = open(path, { busyTimeoutMs: 60 })
    const patient = open(path, { busyTimeoutMs: 20_000 })
    await start(patient, 'ann')
    const holder = givenProcess({ task: 'hold', path })
    expect(await holder.line()).toBe('held')

    let breaths = 0
    const breathing = setInterval(() => breaths++, 1)
    await expect(start(impatient, 'bob')).rejects.toThrow(fault('STORE_BUSY'))
    clearInterval(breathing)
    expect(breaths).toBeGreaterThan(1)
    // Readers do not wait for writers.
    expect(await wholeContacts(impatient)).toEqual(['ann'])

    const waiting = start(patient, 'cid')
    const closing = patient.close()
    holder.goOn()
    await holder.rest()
    expect(await waiting).toMatchObject({ outcome: 'appended' })
    await closing
    expect(await wholeContacts(impatient)).toEqual(['ann', 'cid'])
  })

  it('ONCE-3: a process that is killed in the middle loses nothing acknowledged and leaves nothing half written', async () => {
    const path = givenPath()
    const acknowledged: string[] = []
    for (const round of [0, 1, 2, 3, 4]) {
      const other = givenProcess({ task: 'start', path, name: `round ${round}` })
      // Another number of appends each time, so that the blow falls elsewhere.
      for (let n = 0; n < 20 + 37 * round; n++) acknowledged.push((await other.line()) as string)
      other.kill()
      acknowledged.push(...(await other.rest()))
      const store = open(path)
      const contacts = new Set(await wholeContacts(store))
      for (const contactId of acknowledged) expect(contacts).toContain(contactId)
      // What was written and not acknowledged is one append at most for each blow.
      expect(contacts.size - acknowledged.length).toBeLessThanOrEqual(round + 1)
      await store.close()
    }
  })
})

describe('a full disk', () => {
  it('STORE_FULL: nothing of the append is written, what was there can be read, and room makes it work again', async () => {
    const path = givenPath()
    const database = openDatabase({ path, synchronous: 'FULL', readOnly: false, busyTimeoutMs: 1000 })
    const store = storeOn(database, { path })
    onTestFinished(() => store.close())
    await start(store, 'c0')
    database.connection.exec('PRAGMA max_page_count = 60')
    const started = ['c0']
    const filling = (async () => {
      for (let n = 1; ; n++) {
        await start(store, `c${n}`)
        started.push(`c${n}`)
      }
    })()
    await expect(filling).rejects.toThrow(fault('STORE_FULL'))
    expect(started.length).toBeGreaterThan(10)
    expect(await wholeContacts(store)).toEqual(started.toSorted())
    const many = ['x', 'y', 'z'].map((id) => ({
      stream: contactStream(id),
      events: Array.from({ length: 100 }, (_, index) => eventOf(id, 'many', index)),
      expected: 'no-stream' as const,
    }))
    await expect(store.appendMany(many)).rejects.toThrow(fault('STORE_FULL'))
    expect(await wholeContacts(store)).toEqual(started.toSorted())

    database.connection.exec('PRAGMA max_page_count = 1000000')
    expect(await start(store, `c${started.length}`)).toMatchObject({ outcome: 'appended' })
    await store.close()
    expect(await wholeContacts(open(path))).toHaveLength(started.length + 1)
  })

  it('a file that may not grow any more is a fault in its process, and no half written append for others', async () => {
    const path = givenPath()
    const lines = await givenProcess({ task: 'start', path, name: 'c' }, 1000).rest()
    const code = lines.pop()
    expect(code).toBe('STORE_UNAVAILABLE')
    expect(lines.length).toBeGreaterThan(10)
    expect(await wholeContacts(open(path))).toEqual(lines.toSorted())
  })
})

describe('questions', () => {
  /** The plan of every statement that log and read model use, by its text. */
  function plans(use: (connection: DatabaseSync) => void): Map<string, string> {
    const { connection } = openDatabase({ path: ':memory:', synchronous: 'FULL', readOnly: false, busyTimeoutMs: 1 })
    onTestFinished(() => connection.close())
    const found = new Map<string, string>()
    const watched = {
      prepare(sql: string) {
        const steps = connection
          .prepare(`EXPLAIN QUERY PLAN ${sql}`)
          .all(...Array(sql.split('?').length - 1).fill(null))
        found.set(sql, steps.map(({ detail }) => detail).join('; '))
        return connection.prepare(sql)
      },
    }
    use(watched as DatabaseSync)
    return found
  }

  it('never read a whole table, nor sort one', () => {
    const all = plans((connection) => {
      createEventLog({ connection, remember() {} }, true)
      createAgendaTable(connection)
      const { index } = createTagTables({ connection, remember() {} })
      for (const query of [{ all: ['a', 'b'], none: ['c'] }, { any: ['a', 'b'] }, { all: ['a'] }, { none: ['a'] }, {}])
        index.search(query, { after: null, limit: 10 })
    })
    expect(all.size).toBeGreaterThan(20)
    for (const [sql, plan] of all) {
      // The count of all that have any tag is the one question that reads an index from end to end.
      if (sql.includes('count(DISTINCT contact)'))
        expect(plan).toMatch(
          /^SCAN memberships USING COVERING INDEX memberships_of_contact; LIST SUBQUERY \d; SEARCH tags USING COVERING INDEX/,
        )
      else
        expect([sql, plan]).toEqual([
          sql,
          expect.not.stringMatching(/SCAN (events|memberships|membership_keys|m|k|tags|t|agenda|a)\b|TEMP B-TREE/),
        ])
    }
  })

  it('questions find what is due, members and campaigns by the index that was made for them', () => {
    const all = [
      ...plans((connection) => {
        createEventLog({ connection, remember() {} }, true)
        createAgendaTable(connection)
        createTagTables({ connection, remember() {} }).index.members('a', { after: null, limit: 10 })
      }),
    ]
    const planOf = (part: RegExp) => all.filter(([sql]) => part.test(sql)).map(([, plan]) => plan)
    expect(planOf(/NOT EXISTS .* l\.lease_until > /s)).toEqual([
      expect.stringMatching(
        /^SEARCH a USING COVERING INDEX agenda_lanes \(kind=\? AND campaign=\? AND wake_at<\?\).*SEARCH l USING PRIMARY KEY/,
      ),
    ])
    expect(planOf(/SELECT wake_at AS at/)).toEqual([
      expect.stringContaining('SEARCH a USING COVERING INDEX agenda_lanes (kind=? AND campaign=?'),
    ])
    expect(planOf(/FROM leases l CROSS JOIN agenda/)).toEqual(['SCAN l; SEARCH a USING PRIMARY KEY (contact=?)'])
    expect(planOf(/\(wake_at, a\.contact\) > /)).toEqual([
      expect.stringContaining('SEARCH a USING COVERING INDEX agenda_lanes (kind=? AND campaign=?'),
    ])
    expect(planOf(/ORDER BY other_at/)).toEqual([expect.stringContaining('INDEX agenda_others (kind=?)')])
    expect(planOf(/INDEXED BY events_of_campaigns/)).toEqual([
      expect.stringContaining('INDEX events_of_campaigns (position>?)'),
    ])
    expect(planOf(/FROM memberships m WHERE tag = \? AND contact > \?/)).toEqual([
      expect.stringContaining('SEARCH m USING PRIMARY KEY (tag=? AND contact>?)'),
    ])
    const byKey =
      /^SEARCH m USING PRIMARY KEY \(tag=\? AND contact>\?\); SEARCH k USING PRIMARY KEY \(tag=\? AND contact=\?\) LEFT-JOIN$/
    expect(planOf(/LEFT JOIN membership_keys k .* WHERE m\.tag = /s)).toEqual([
      expect.stringMatching(byKey),
      expect.stringMatching(byKey),
    ])
  })
})
