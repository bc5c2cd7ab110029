import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { contactOf, type RecordedContactEvent, type RecordedEvent } from '@enfold/core'
import { eventJsonSchema, explain, membersAt, readLog } from '@enfold/core/log'
import { createSqliteStore } from '@enfold/store-sqlite'
import { soaking } from '@enfold/testkit/runs'
import { beforeAll, describe, expect, it } from 'vitest'
import { answerOf, temporaryDirectory } from './cli.fixture.ts'

interface Answers {
  readonly members: readonly {
    readonly campaignId: string
    readonly sequenceId: string
    readonly status: 'active' | 'waiting' | 'either'
    readonly at: string
    readonly contacts: readonly string[]
  }[]
  readonly explanations: readonly {
    readonly contactId: string
    readonly eventId: string
    readonly chain: readonly object[]
    readonly root: object
    readonly actor: string | null
  }[]
}

const FIXTURES = join(import.meta.dirname, '../fixtures')
const log = join(FIXTURES, 'schema-1.jsonl.gz')
const known: Answers = JSON.parse(readFileSync(join(FIXTURES, 'schema-1.answers.json'), 'utf8'))
const path = join(temporaryDirectory(), 'fixture.db')
const store = `sqlite:${path}`
const events: RecordedEvent[] = []

/** How many types of events there were when this log was made. It has events of each. */
const TYPES = 17

/** Each question costs the command line a reading of the whole log, so it is asked a few; `pnpm soak` asks it all. */
const some = <T>(all: readonly T[]) => (soaking ? all : all.filter((_, i) => i % 15 === 4))

beforeAll(async () => {
  expect(await answerOf(['import', log, '--into', store])).toMatchObject({ imported: 10_000, renumbered: 0 })
  for await (const { event, problem } of readLog(Readable.from([gunzipSync(readFileSync(log))]))) {
    if (problem !== undefined) throw new Error(problem.message)
    events.push(event)
  }
})

it.each(known.members)(
  'AUDIT-2: the log of schema version 1 knows who was in $campaignId/$sequenceId ($status) at $at',
  async ({ at, contacts, ...sequence }) => {
    expect(await membersAt(events, sequence, at)).toEqual(contacts)
  },
)

it.each(known.explanations)(
  'AUDIT-3: the log of schema version 1 explains $eventId',
  ({ contactId, eventId, chain, root, actor }) => {
    const history = events.filter(({ stream }) => contactOf(stream) === contactId) as RecordedContactEvent[]
    const found = explain(history, eventId)
    expect(found.map(({ id, type, at }) => ({ id, type, at }))).toEqual(chain)
    expect(found.at(-1)).toMatchObject({ cause: root, actor })
  },
)

it('AUDIT-1: the store that the log was imported into holds the events of the log', async () => {
  const imported = createSqliteStore({ path })
  const found: RecordedEvent[] = []
  for await (const event of imported.readAll()) found.push(event)
  expect(found).toEqual(events)
  await imported.close()
})

describe.each([
  ['the log of schema version 1', log],
  ['the store that it was imported into', store],
])('the command line over %s', (_, source) => {
  it('AUDIT-4: the command line finds it sound, its hash chain included', async () => {
    const verified = await answerOf(['verify', source])
    expect(verified).toMatchObject({ events: 10_000, contacts: 692, hashed: 10_000, faults: [] })
  })

  it('LOG-2: the command line counts events of every type that there was when it was made', async () => {
    const { byType } = (await answerOf(['stats', source])) as { byType: { type: string }[] }
    const types = (eventJsonSchema as { properties: { type: { enum: string[] } } }).properties.type.enum
    const found = byType.map(({ type }) => `dev.enfold.${type}`)
    expect(new Set(found).size).toBe(TYPES)
    expect(found.filter((type) => !types.includes(type))).toEqual([])
  })

  it.each(some(known.members))(
    'AUDIT-2: members tells who was in $campaignId/$sequenceId ($status) at $at',
    async ({ campaignId, sequenceId, status, at, contacts }) => {
      const args = ['members', campaignId, sequenceId, source, '--at', at, '--status', status]
      expect(await answerOf(args)).toMatchObject({ total: contacts.length, contacts })
    },
  )

  it.each(some(known.explanations))(
    'AUDIT-3: explain tells the causes of $eventId',
    async ({ contactId, eventId, chain, root, actor }) => {
      const { chain: found } = (await answerOf(['explain', '--store', source, '--', contactId, eventId])) as {
        chain: { id: string; type: string; at: string; cause: object; actor: string | null }[]
      }
      expect(found.map(({ id, type, at }) => ({ id, type, at }))).toEqual(chain)
      expect(found.at(-1)).toMatchObject({ cause: root, actor })
    },
  )
})
