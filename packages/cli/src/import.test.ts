/** An import counts what it wrote, and takes no event twice; a store is held against what a file is held against. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@enfold/core'
import { encodeEvent } from '@enfold/core/log'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock, hostileIds } from '@enfold/testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { answerOf, enfold, fillStore, temporaryDirectory } from './cli.fixture.ts'
import { combineStores } from './eventstoredb.ts'

const folder = temporaryDirectory()
const file = (name: string) => join(folder, name)
const server = givenServer()
const CONTACTS = [...hostileIds, 'ann', 'bob', 'cleo', 'dan', 'eve']
let events: RecordedEvent[] = []
let whole: readonly RecordedEvent[] = []

beforeAll(async () => {
  await fillStore(file('given.db'), createSimulatedClock('2026-03-01T09:00:00.000Z'), CONTACTS)
  const opened = createSqliteStore({ path: file('given.db'), readOnly: true })
  for await (const event of opened.readAll()) events.push(event)
  await opened.close()
  whole = events
  // Fewer are enough, and end between two appends.
  const end = events.findIndex(({ commandId }, i) => i > 25 && commandId !== events[i - 1]?.commandId)
  events = events.slice(0, end)
})

function given(name: string, of: readonly RecordedEvent[]): string {
  writeFileSync(file(name), of.map((event) => `${encodeEvent(event)}\n`).join(''))
  return file(name)
}

/** A beginning that ends between two appends. */
const HALF = 9
let stores = 0
const kinds: readonly [string, () => string][] = [
  ['SQLite', () => `sqlite:${file(`into-${stores++}.db`)}`],
  [
    'PostgreSQL',
    () => {
      const url = new URL(server.url)
      url.searchParams.set('schema', givenSchema(server))
      return url.href
    },
  ],
]

describe.each(kinds)('into %s', (_, newStore) => {
  it('AUDIT-1: what import says that it wrote is what stands in the store', async () => {
    const into = newStore()
    const half = given('half.jsonl', events.slice(0, HALF))
    expect(await answerOf(['import', half, '--into', into])).toMatchObject({ events: HALF, imported: HALF, known: 0 })
    expect(await answerOf(['stats', into])).toMatchObject({ events: HALF })
    const all = given('all.jsonl', events)
    const answer = { events: events.length, imported: events.length - HALF, known: HALF }
    expect(await answerOf(['import', all, '--into', into])).toMatchObject(answer)
    expect(await answerOf(['stats', into])).toMatchObject({ events: events.length })
  })

  it('AUDIT-4: a log that is cut within an append is refused with its last line, and the whole one adds the rest', async () => {
    const into = newStore()
    const at = whole.findIndex(
      ({ type, commandId, stream, data }, i) =>
        i > 12 &&
        type === 'GoalSatisfied' &&
        data.routes.some(({ outcome }) => outcome === 'started') &&
        whole[i + 1]?.commandId === commandId &&
        whole[i + 1]?.stream === stream,
    )
    const before = whole.findIndex(
      ({ commandId, stream }) => commandId === whole[at]?.commandId && stream === whole[at]?.stream,
    )
    const cut = given('cut.jsonl', whole.slice(0, at + 1))
    // Also where the store holds a beginning, and where it holds all that is whole.
    await answerOf(['import', given('beginning.jsonl', whole.slice(0, HALF)), '--into', into])
    for (let i = 0; i < 2; i++) {
      const { status, stdout, stderr } = await enfold(['import', cut, '--into', into])
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      expect(stderr).toContain(`${cut}:${at + 1}: GOAL-3: the last append of the stream lacks the `)
      expect(stderr).toContain(`Imported were the ${before} events that are whole appends;`)
      expect(await answerOf(['stats', into])).toMatchObject({ events: before })
    }
    const answer = { events: whole.length, imported: whole.length - before, known: before }
    expect(await answerOf(['import', given('rest.jsonl', whole), '--into', into])).toMatchObject(answer)
  })

  it('AUDIT-4: an id that stands twice is refused with its line, and not counted', async () => {
    const into = newStore()
    const [last] = events.slice(-1) as [RecordedEvent]
    const again = { ...last, version: last.version + 1, position: last.position + 1 }
    const { hash: _, ...unhashed } = again
    const twice = given(
      'twice.jsonl',
      [...events, unhashed as RecordedEvent].map(({ hash: __, ...one }) => one as RecordedEvent),
    )
    const { status, stdout, stderr } = await enfold(['import', twice, '--into', into])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`${twice}:${events.length + 1}: `)
    expect(stderr).toContain(`Imported were the ${events.length} events before it.`)
    expect(await answerOf(['stats', into])).toMatchObject({ events: events.length })
  })
})

it('AUDIT-4: verify holds the events of a store against schema and limits, as the lines of a file', async () => {
  const path = file('odd.db')
  const store = createSqliteStore({ path, hashChain: false })
  const [published, started] = events as [RecordedEvent, RecordedEvent]
  for (const { stream, version, position: _, hash: __, ...event } of [published, started]) {
    const odd =
      version === 1 && stream.startsWith('contact-') ? { ...event, data: { ...event.data, odd: true } } : event
    await store.append(stream, [odd as never], version - 1)
  }
  await store.close()
  const { status, stderr } = await enfold(['verify', `sqlite:${path}`])
  expect({ status, stderr: stderr.split('\n')[0] }).toEqual({
    status: 1,
    stderr: `sqlite:${path}:2: wrong-data: /data/odd is not known here (misspelled?)`,
  })
  const kept = await enfold(['verify', '--keep-going', `sqlite:${path}`])
  expect(kept.status).toBe(1)
  expect(kept.stderr).toContain('Bad lines: 1.')
})

it('AUDIT-5: an event of a store that is nested too deep ends no command, and is named', async () => {
  const path = file('deep.db')
  const store = createSqliteStore({ path, hashChain: false })
  const [published, started] = events as [RecordedEvent, RecordedEvent]
  for (const { stream, version, position: _, hash: __, ...event } of [published, started])
    await store.append(stream, [event as never], version - 1)
  await store.close()
  // What no store of ours writes: somebody wrote it into the file. SQLite itself takes up to 1,000 levels.
  const levels = 500
  const database = new DatabaseSync(path)
  const deep = `{"deep":${'['.repeat(levels)}${']'.repeat(levels)},`
  database
    .prepare('UPDATE events SET body = replace(body, \'"data":{\', \'"data":\' || ?) WHERE position = 2')
    .run(deep)
  database.close()
  for (const command of ['verify', 'export']) {
    const { status, stderr } = await enfold([command, `sqlite:${path}`])
    expect([command, status, stderr]).toEqual([command, 1, expect.stringContaining(`sqlite:${path}:2: wrong-data: `)])
  }
})

it.each([
  ['a type that is not known', `replace(body, '"type":"', '"type":"Odd')`],
  ['no data', `json_set(body, '$.data', NULL)`],
])('AUDIT-5: every question of a store ends at an event with %s, and names its place', async (what, changed) => {
  const path = file(`${what}.db`)
  const store = createSqliteStore({ path, hashChain: false })
  const [published, started] = events as [RecordedEvent, RecordedEvent]
  for (const { stream, version, position: _, hash: __, ...event } of [published, started])
    await store.append(stream, [event as never], version - 1)
  await store.close()
  const database = new DatabaseSync(path)
  database.exec(`UPDATE events SET body = ${changed} WHERE position = 2`)
  const { body } = database.prepare('SELECT body FROM events WHERE position = 2').get() as { body: unknown }
  expect(String(body)).toMatch(/Odd|"data":null/)
  database.close()
  const contact = started.stream.slice('contact-'.length)
  for (const args of [
    ['replay'],
    ['members', 'pool/1', 'nurture'],
    ['state', decodeURIComponent(contact)],
    ['history', decodeURIComponent(contact)],
    ['explain', decodeURIComponent(contact), started.id],
    ['stats'],
    ['verify'],
  ]) {
    const { status, stdout, stderr } = await enfold([...args, '--store', `sqlite:${path}`])
    expect([args, status, stdout]).toEqual([args, 1, ''])
    expect(stderr).toMatch(/:2: [a-z-]+: /)
    expect(stderr).not.toMatch(/undefined|TypeError/)
  }
})

it('VERSION-3: a log that checks nothing in the append stays so with a read model that could', async () => {
  const readModel = createSqliteStore({ path: file('read-model.db') })
  const { settled: _, ...log } = createSqliteStore({ path: file('log.db') })
  expect(readModel).toHaveProperty('settled')
  const both = combineStores(log, readModel)
  expect((both as { readonly settled?: unknown }).settled).toBeUndefined()
  await both.close()
})
