import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventJsonSchema } from '@enfold/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { answerOf, temporaryDirectory } from './given-log.ts'

interface Answers {
  readonly members: readonly {
    readonly campaignId: string
    readonly sequenceId: string
    readonly status: string
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
const store = `sqlite:${join(temporaryDirectory(), 'fixture.db')}`

beforeAll(async () => {
  expect(await answerOf(['import', log, '--into', store])).toMatchObject({ imported: 10_000, renumbered: 0 })
})

describe.each([
  ['the log of schema version 1', log],
  ['the store that it was imported into', store],
])('%s', (_, source) => {
  it('AUDIT-4: is sound, its hash chain included', async () => {
    const verified = await answerOf(['verify', source])
    expect(verified).toMatchObject({ events: 10_000, contacts: 692, hashed: 10_000, faults: [] })
  })

  it('LOG-2: has events of every type', async () => {
    const { byType } = (await answerOf(['stats', source])) as { byType: { type: string }[] }
    const types = (eventJsonSchema as { properties: { type: { enum: string[] } } }).properties.type.enum
    expect(byType.map(({ type }) => `dev.enfold.${type}`).sort()).toEqual(types.toSorted())
  })

  it.each(known.members)(
    'AUDIT-2: knows who was in $campaignId/$sequenceId ($status) at $at',
    async ({ campaignId, sequenceId, status, at, contacts }) => {
      const args = ['members', campaignId, sequenceId, source, '--at', at, '--status', status]
      expect(await answerOf(args)).toMatchObject({ total: contacts.length, contacts })
    },
  )

  it.each(known.explanations)('AUDIT-3: explains $eventId', async ({ contactId, eventId, chain, root, actor }) => {
    const { chain: found } = (await answerOf(['explain', '--store', source, '--', contactId, eventId])) as {
      chain: { id: string; type: string; at: string; cause: object; actor: string | null }[]
    }
    expect(found.map(({ id, type, at }) => ({ id, type, at }))).toEqual(chain)
    expect(found.at(-1)).toMatchObject({ cause: root, actor })
  })
})
