/** What waits for a person, over each kind of store, and over a read model apart from the log. */
import { join } from 'node:path'
import {
  type CampaignDefinition,
  campaign,
  campaignStream,
  contactStream,
  eventIdOf,
  isEnfoldFault,
  markOf,
  SCHEMA_VERSION,
  type Store,
} from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenSchemas, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { answerOf, MONDAY, temporaryDirectory } from '../engine.fixture.ts'
import { combineStores } from '../log.fixture.ts'
import { asHostsUseIt, closingAfterEach, eachStore } from '../store.fixture.ts'
import type { AttentionEntry, AttentionQuery } from './attention.ts'

const directory = temporaryDirectory()
const server = givenServer()
const newSchema = givenSchemas(server)
let files = 0
const sqlite = () => createSqliteStore({ path: join(directory, `${++files}.db`), synchronous: 'NORMAL' })
const stores: { readonly [name: string]: () => Store } = {
  memory: createMemoryStore,
  sqlite,
  PostgreSQL: () => createPostgresStore({ connectionString: server.url, schema: newSchema(), maxConnections: 4 }),
  'a log with memory next to it': () => combineStores(createMemoryStore(), createMemoryStore()),
}

const closing = closingAfterEach()

const shop = campaign({
  id: 'shop',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members' }],
  sequences: [
    {
      id: 'careful',
      steps: [
        { id: 'sms', kind: 'sms', onUnknown: 'hold' },
        { id: 'later', kind: 'email', timer: { after: 'P9D' } },
      ],
      next: ['bought'],
    },
    { id: 'news', steps: [{ id: 'mail', kind: 'email' }] },
  ],
})
const club = campaign({ ...shop, id: 'club' })

/** Steps of contacts whose id has one of these words come to it, until `fixed`. */
async function given(makeStore: () => Store, more: Partial<EngineOptions> = {}) {
  const store = makeStore()
  closing(store)
  const clock = createSimulatedClock(MONDAY)
  const world = { fixed: false }
  const handler = ({ contactId }: { readonly contactId: string }) =>
    world.fixed || !contactId.startsWith('bad')
      ? ({ outcome: 'sent' } as const)
      : ({ outcome: 'failed', reason: 'smtp-550', permanent: true, unknown: true } as const)
  const made = createEngine({ store, clock, handlers: { email: handler, sms: handler }, ...more })
  const engine = asHostsUseIt(made, store)
  closing(engine)
  await answerOf(engine.publish(shop))
  await answerOf(engine.publish(club))
  const start = (contactId: string, sequenceId: string, campaignId = 'shop') =>
    answerOf(engine.startSequence({ contactId, campaignId, sequenceId, actor: 'olga' }))
  return { engine, store, clock, world, start }
}

const of = (contactId: string, sequenceId: string, campaignId = 'shop') => ({
  contactId,
  campaignId,
  sequenceId,
  actor: 'olga',
})

async function waiting(engine: Engine, query: AttentionQuery = {}) {
  const { entries } = await engine.inspect.attention({ limit: 1000, ...query })
  return entries.map(({ kind, contactId, campaignId, stepId }) => `${kind} ${contactId} ${campaignId} ${stepId}`).sort()
}

/** Every page, and what each says of all. */
async function paged(engine: Engine, query: AttentionQuery) {
  const entries: AttentionEntry[] = []
  const totals = new Set<number>()
  let pages = 0
  for (let after: string | null = null; ; pages++) {
    const page = await engine.inspect.attention({ ...query, after })
    entries.push(...page.entries)
    totals.add(page.total)
    if (page.next === null) return { entries, totals: [...totals], pages: pages + 1 }
    after = page.next
  }
}

eachStore((makeStore) => {
  it('INDEX-5: a contact whose facts cannot be read waits, in each campaign that it is in, until they can', async () => {
    const facts = { readable: false }
    const contacts = {
      get: (contactId: string) =>
        facts.readable || !contactId.startsWith('bad') ? {} : { fields: { born: new Date('1980-02-29') as never } },
    }
    const { engine, store, clock, start, world } = await given(makeStore, { contacts })
    world.fixed = true
    facts.readable = true
    await start('bad ann', 'news')
    await start('bad ann', 'news', 'club')
    await start('bob', 'news')
    facts.readable = false
    await engine.runDue()
    clock.advance('PT1H')
    await engine.runDue()
    const query = { kind: 'unread' } as const
    expect(await waiting(engine, query)).toEqual(['unread bad ann club null', 'unread bad ann shop null'])
    expect(await waiting(engine, { ...query, campaigns: ['club'] })).toEqual(['unread bad ann club null'])
    const { counts, entries } = await engine.inspect.attention()
    expect([counts.unread, entries[0]?.reason]).toEqual([1, 'FACTS_UNREADABLE'])
    expect(JSON.stringify(entries)).not.toContain('1980')
    expect((await engine.verifyIndex()).differences).toEqual([])
    facts.readable = true
    clock.advance('PT1H')
    await engine.runDue()
    expect(await waiting(engine)).toEqual([])
    expect(await engine.inspect.history('bad ann')).toHaveLength(8)
    expect(await store.count(markOf('unread'))).toBe(0)
  })

  it('INDEX-5: what is held or failed waits until somebody sees to it, and the index agrees with the log', async () => {
    const { engine, store, clock, world, start } = await given(makeStore)
    await start('bad ann', 'careful')
    await start('bad bob', 'careful', 'club')
    await start('bad bob', 'news')
    await start('bad cid', 'news')
    await start('eve', 'careful')
    await engine.runDue()
    expect(await waiting(engine)).toEqual([
      'failed bad bob shop mail',
      'failed bad cid shop mail',
      'held bad ann shop sms',
      'held bad bob club sms',
    ])
    expect((await engine.inspect.attention({ kind: 'held', campaigns: ['shop'] })).entries).toEqual([
      {
        kind: 'held',
        contactId: 'bad ann',
        campaignId: 'shop',
        sequenceId: 'careful',
        run: 1,
        stepId: 'sms',
        resend: 0,
        since: MONDAY,
        reason: 'smtp-550',
        contacts: 1,
      },
    ])
    const counts = { held: 2, failed: 2, unplanned: 0, unread: 0, unhandled: 0, parked: 0 }
    expect(await engine.inspect.attention({ limit: 1 })).toMatchObject({ counts, total: 4, entries: [{}] })
    expect(await waiting(engine, { campaigns: ['club'] })).toEqual(['held bad bob club sms'])
    expect(await waiting(engine, { campaigns: [] })).toEqual([])
    expect(await engine.inspect.attention({ campaigns: ['shop', 'club'] })).toMatchObject({ total: 4 })
    // Marks are no sequences, and make nobody a member.
    expect((await engine.inspect.search({})).contacts.toSorted()).toEqual(['bad ann', 'bad bob', 'eve'])
    expect(await engine.inspect.sequencesOf('bad cid')).toEqual([])
    expect((await engine.verifyIndex()).differences).toEqual([])

    clock.advance('PT1H')
    world.fixed = true
    for (const order of [of('bad bob', 'news'), of('bad ann', 'careful')])
      await answerOf(engine.resendStep({ ...order, stepId: order.sequenceId === 'news' ? 'mail' : 'sms' }))
    await engine.runDue()
    expect(await waiting(engine)).toEqual(['failed bad cid shop mail', 'held bad bob club sms'])
    await answerOf(engine.restartSequence(of('bad cid', 'news')))
    await answerOf(engine.cancelStep({ ...of('bad bob', 'careful', 'club'), stepId: 'sms' }))
    expect(await waiting(engine)).toEqual([])
    expect(await engine.inspect.attention()).toMatchObject({ total: 0, next: null })
    expect((await engine.verifyIndex()).differences).toEqual([])
    expect(await store.count(markOf('failed', 'shop'))).toBe(0)
  })

  it('ERASE-1: nothing waits of an erased contact', async () => {
    const { engine, start } = await given(makeStore)
    await start('bad ann', 'careful')
    await start('bad bob', 'news')
    await engine.runDue()
    expect(await engine.inspect.attention()).toMatchObject({ total: 2 })
    for (const contactId of ['bad ann', 'bad bob']) await answerOf(engine.erase({ contactId, actor: 'olga' }))
    expect(await engine.inspect.attention()).toMatchObject({ total: 0, entries: [] })
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  it('INDEX-3: a rebuild restores marks that were lost, and takes away those that are wrong', async () => {
    const { engine, store, start } = await given(makeStore)
    await start('bad ann', 'careful')
    await start('eve', 'careful')
    await engine.runDue()
    const [ann, eve] = ['bad ann', 'eve'].map((contactId) => contactStream(contactId))
    const versionOf = async (stream = '') => (await store.readMany([stream])).get(stream)?.length ?? 0
    await store.restore({ contactId: 'bad ann', version: await versionOf(ann), tags: ['shop/careful'], wakeAt: null })
    const wrong = ['shop/careful', markOf('held'), markOf('held', 'shop')]
    await store.restore({ contactId: 'eve', version: await versionOf(eve), tags: wrong, wakeAt: null })
    expect((await engine.verifyIndex()).differences.map(({ contactId }) => contactId).sort()).toEqual([
      'bad ann',
      'eve',
    ])
    await engine.rebuildIndex()
    expect(await waiting(engine)).toEqual(['held bad ann shop sms'])
    expect(await engine.inspect.attention()).toMatchObject({ total: 1 })
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  it('TIME-5: a run that cannot be planned waits until it is stopped', async () => {
    const { engine, store, start } = await given(makeStore)
    await publishedByAnOlderRelease(store)
    await answerOf(engine.startSequence(of('ann', 'broken', 'old')))
    await start('eve', 'careful')
    await engine.runDue()
    const query = { kind: 'unplanned' } as const
    expect((await engine.inspect.attention(query)).entries).toMatchObject([
      { contactId: 'ann', campaignId: 'old', sequenceId: 'broken', run: 1, since: MONDAY, reason: 'INVALID_INPUT' },
    ])
    expect(await engine.inspect.attention({ ...query, campaigns: ['shop'] })).toMatchObject({ total: 0 })
    expect((await engine.verifyIndex()).differences).toEqual([])
    await engine.rebuildIndex()
    expect(await engine.inspect.attention({ ...query, campaigns: ['old'] })).toMatchObject({ total: 1 })
    await answerOf(engine.stopSequence(of('ann', 'broken', 'old')))
    expect(await engine.inspect.attention(query)).toMatchObject({ total: 0, entries: [] })
    expect(await store.count(markOf('unplanned', 'old'))).toBe(0)
  })

  it('TIME-5: a run that a newer release can plan loses its mark when its step is sent', async () => {
    const { engine, store, start } = await given(makeStore)
    await start('eve', 'careful')
    // As the older release has left the row: marked, and to be looked at for no kind in particular.
    const tags = ['shop/careful', markOf('unplanned'), markOf('unplanned', 'shop')]
    expect(await store.restore({ contactId: 'eve', version: 1, tags, wakeAt: MONDAY })).toBe(true)
    expect(await engine.inspect.attention()).toMatchObject({ total: 1, entries: [] })
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(await engine.inspect.attention()).toMatchObject({ total: 0 })
    expect(await store.tagsOf('eve')).toEqual(['shop/careful'])
  })

  it('INDEX-5: a thousand failures later, what is held is listed still, in pages that name everything once', async () => {
    const { engine, start } = await given(makeStore)
    await start('bad held', 'careful')
    await engine.runDue()
    const failing = Array.from({ length: 1000 }, (_, i) => `bad ${i}`)
    await Promise.all(failing.map((contactId) => start(contactId, 'news')))
    await engine.runDue()
    const first = await engine.inspect.attention({ limit: 2 })
    expect(first.entries).toMatchObject([{ kind: 'held', contactId: 'bad held' }, { kind: 'failed' }])
    expect(first).toMatchObject({ total: 1001, counts: { held: 1, failed: 1000 } })
    const all = await paged(engine, { limit: 300 })
    expect([all.totals, all.pages]).toEqual([[1001], 4])
    expect(all.entries.map(({ contactId }) => contactId).sort()).toEqual(['bad held', ...failing].sort())
    const some = await paged(engine, { kind: 'failed', campaigns: ['shop', 'club'], limit: 500 })
    expect([some.totals, some.pages, some.entries.length]).toEqual([[1000], 2, 1000])
  })
}, stores)

/** A month has no fixed length: what stands in the log was published by a release that was less strict. */
async function publishedByAnOlderRelease(store: Store): Promise<void> {
  const steps = [{ id: 'one', kind: 'email', timer: { after: 'P1M' } }]
  const definition: CampaignDefinition = { id: 'old', goals: [], sequences: [{ id: 'broken', steps }] }
  const stream = campaignStream('old')
  const meta = { id: eventIdOf(stream, 'p', 0), commandId: 'p', correlationId: 'p', causationId: 'p', actor: null }
  const data = { campaignId: 'old', campaignVersion: 1, definition }
  const published = { type: 'CampaignPublished', data, ...meta, schema: SCHEMA_VERSION, at: MONDAY } as const
  await store.append(stream, [{ ...published, cause: { by: 'operator' } }], 'no-stream')
}

it('KIND-1: a kind that this engine has no handler for waits for a person once it is late', async () => {
  const { engine, clock, start } = await given(createMemoryStore, { handlers: { email: () => ({ outcome: 'sent' }) } })
  await start('ann', 'careful')
  await start('bob', 'careful')
  await engine.runDue()
  expect(await engine.inspect.attention()).toMatchObject({ total: 0 })
  clock.advance('PT6M')
  expect(await engine.inspect.attention()).toMatchObject({
    entries: [{ kind: 'unhandled', contactId: null, reason: 'sms', contacts: 2, since: MONDAY }],
    counts: { unhandled: 1 },
    total: 1,
    next: null,
  })
  expect(await engine.inspect.attention({ campaigns: ['shop'] })).toMatchObject({ total: 0 })
})

it('STEP-7: a parked contact waits for a person, with the event that could not be projected', async () => {
  const { engine, store } = await given(stores['a log with memory next to it'] as () => Store, { onPoison: 'park' })
  const stream = contactStream('ann')
  const data = { campaignId: 'ghost', sequenceId: 's', run: 1, campaignVersion: 1, saw: [] }
  const meta = { id: eventIdOf(stream, 'p', 0), commandId: 'p', correlationId: 'p', causationId: 'p', actor: null }
  const poison = { type: 'SequenceStarted', data, ...meta, schema: SCHEMA_VERSION, at: MONDAY } as const
  const appended = await store.append(stream, [{ ...poison, cause: { by: 'operator' } }], 'no-stream')
  await engine.waitFor('position' in appended ? appended.position : 0, { timeoutMs: 30_000 })
  expect(await engine.inspect.attention()).toMatchObject({
    entries: [{ kind: 'parked', contactId: 'ann', reason: 'SequenceStarted', since: MONDAY }],
    counts: { parked: 1 },
    total: 1,
  })
  expect(await engine.inspect.attention({ campaigns: ['ghost'] })).toMatchObject({ total: 0 })
})

it('input of the wrong shape is refused by name', async () => {
  const { engine } = await given(createMemoryStore)
  for (const [query, path] of [
    [{ kind: 'late' }, 'kind'],
    [{ limit: 0 }, 'limit'],
    [{ after: 'nothing' }, 'after'],
    [{ campaign: 'shop' }, 'campaign'],
  ] as const) {
    const fault = await engine.inspect.attention(query as AttentionQuery).then(
      () => null,
      (error: unknown) => error,
    )
    expect(isEnfoldFault(fault) && [fault.code, fault.message]).toEqual([
      'INVALID_INPUT',
      expect.stringContaining(path),
    ])
  }
})
