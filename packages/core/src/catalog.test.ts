import {
  type CampaignEvent,
  type Catalog,
  createCatalog,
  decidePublish,
  decideUnpublish,
  defineCampaign,
  EnfoldFault,
  findSequence,
  isLeft,
  isRight,
} from '@enfold/core'
import { describe, expect, it } from 'vitest'

const now = '2026-03-02T09:00:00.000Z'
const meta = { commandId: 'k', actor: 'anna' }
const definition = (id: string, kind = 'k', name?: string) => ({
  id,
  ...(name === undefined ? {} : { name }),
  goals: [
    { id: 'g1', when: { kind } },
    { id: 'g2', when: [{ kind: 'other' }, { kind }, { kind, match: { a: 1 } }] },
  ],
  sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email' }] }],
})

function take(catalog: Catalog, events: readonly CampaignEvent[]): void {
  for (const event of events) {
    const version = (catalog.find(event.data.campaignId)?.version ?? 0) + 1
    catalog.apply({ ...event, version })
  }
}

function publish(catalog: Catalog, document: unknown) {
  const decided = decidePublish({ type: 'PublishCampaign', definition: document, ...meta }, catalog, now)
  if (isLeft(decided)) throw new Error(JSON.stringify(decided.left))
  take(catalog, decided.right.events)
  return decided.right
}

function unpublish(catalog: Catalog, campaignId: string) {
  const decided = decideUnpublish({ type: 'UnpublishCampaign', campaignId, ...meta }, catalog, now)
  if (isLeft(decided)) throw new Error(JSON.stringify(decided.left))
  take(catalog, decided.right.events)
  return decided.right
}

describe('publishing', () => {
  it('VERSION-1: publishing appends the whole definition, as version 1, 2, 3', () => {
    const catalog = createCatalog()
    const first = publish(catalog, definition('c'))
    expect(first.answer).toMatchObject({ outcome: 'published', version: 1 })
    expect(first.events).toMatchObject([
      {
        type: 'CampaignPublished',
        at: now,
        actor: 'anna',
        commandId: 'k',
        cause: { by: 'operator' },
        data: { campaignId: 'c', campaignVersion: 1, definition: definition('c') },
      },
    ])
    expect(publish(catalog, definition('c', 'k2')).answer.version).toBe(2)
    expect(publish(catalog, definition('c')).answer.version).toBe(3)
    expect(catalog.find('c')).toMatchObject({ version: 3, published: { campaignVersion: 3 } })
  })

  it('VERSION-1: every version that was ever published is kept', () => {
    const catalog = createCatalog()
    publish(catalog, definition('c', 'k1'))
    publish(catalog, definition('c', 'k2'))
    unpublish(catalog, 'c')
    expect(catalog.version('c', 1).campaign.definition).toEqual(definition('c', 'k1'))
    expect(catalog.version('c', 2).campaign.definition).toEqual(definition('c', 'k2'))
    expect([catalog.has('c', 0), catalog.has('c', 2), catalog.has('c', 3), catalog.has('x', 1)]).toEqual([
      false,
      true,
      false,
      false,
    ])
  })

  it('VERSION-1: a version that the log does not hold is a fault that says so', () => {
    const catalog = createCatalog()
    publish(catalog, definition('c'))
    for (const [campaignId, version] of [
      ['c', 2],
      ['c', 0],
      ['x', 1],
    ] as const)
      expect(() => catalog.version(campaignId, version)).toThrow(
        expect.objectContaining({ code: 'CAMPAIGN_VERSION_MISSING' }),
      )
    expect(() => catalog.version('x', 1)).toThrow(EnfoldFault)
  })

  it('VERSION-1: publishing what is published already changes nothing, whatever the order of its keys', () => {
    const catalog = createCatalog()
    publish(catalog, definition('c'))
    const { id, goals, sequences } = definition('c')
    const again = publish(catalog, { sequences, goals, id })
    expect(again).toMatchObject({ events: [], answer: { outcome: 'unchanged', version: 1 } })
    unpublish(catalog, 'c')
    expect(publish(catalog, definition('c')).answer).toMatchObject({ outcome: 'published', version: 2 })
  })

  it('VERSION-2a: an old process that publishes again brings no old campaign back', () => {
    const catalog = createCatalog()
    const a = { ...definition('c'), name: 'A', revision: 1 }
    const b = { ...definition('c'), name: 'B', revision: 2 }
    publish(catalog, a)
    publish(catalog, b)
    const { name: _, revision: __, ...none } = a
    for (const old of [a, { ...a, revision: 0 }, none])
      expect(publish(catalog, old)).toMatchObject({ events: [], answer: { outcome: 'superseded', version: 2 } })
    expect(catalog.find('c')?.published?.campaign.definition.name).toBe('B')
    unpublish(catalog, 'c')
    expect(publish(catalog, a)).toMatchObject({ events: [], answer: { outcome: 'superseded' } })
    expect(publish(catalog, { ...b, name: 'C' }).answer).toMatchObject({ outcome: 'published', version: 3 })
  })

  it('VERSION-2a: publishing warns of values of another type than other published campaigns compare the same with', () => {
    const catalog = createCatalog()
    const named = (id: string, ...patterns: object[]) => ({
      ...definition(id),
      goals: [{ id: 'g', when: patterns, next: ['s'] }],
    })
    const paid = (total: unknown, kind = 'paid') => ({ kind, match: { total } })
    const warned = (next: object) =>
      publish(catalog, next).answer.warnings.filter(({ path }) => path.startsWith('/goals/0'))
    expect(warned(named('a', paid('100'), paid(null)))).toEqual([])
    const mixed = {
      path: '/goals/0/when/1/match/total',
      value: 100,
      message: 'is a number, where the campaign "a" has a text: no signal has both',
      campaignId: 'a',
    }
    expect(warned(named('b', paid('200'), paid(100))).at(-1)).toEqual(mixed)
    expect(warned(named('c', paid(null), paid('1'), paid(1, 'sold'), { kind: 'paid', match: { sum: 1 } }))).toEqual([])
    // Of the campaign itself, only the version that is to be published counts; of others, only what is published.
    for (const id of ['a', 'b', 'c']) unpublish(catalog, id)
    expect(warned(named('a', paid(true)))).toEqual([])
    expect(warned(named('a', paid(1)))).toEqual([])
  })

  it('VERSION-2a: publishing warns of a kind of signals that is nearly one that the rules or other campaigns name', () => {
    const catalog = createCatalog()
    const waitsFor = (id: string, ...kinds: string[]) => ({
      ...definition(id),
      goals: [{ id: 'g', when: kinds.map((kind) => ({ kind })), next: ['s'] }],
    })
    const warned = (next: object) => publish(catalog, next).answer.warnings.filter(({ path }) => path.endsWith('/kind'))
    expect(warned(waitsFor('a', 'order-paid', 'purchased', 'quiz-1'))).toEqual([])
    expect(warned(waitsFor('b', 'order-paid', 'quiz-2', 'order-piad', 'form-submited'))).toEqual([
      {
        path: '/goals/0/when/2/kind',
        value: 'order-piad',
        message: 'is nearly "order-paid" of the campaign "a": did you mean that?',
        campaignId: 'a',
      },
      {
        path: '/goals/0/when/3/kind',
        value: 'form-submited',
        message: 'is nearly "form-submitted": did you mean that?',
      },
    ])
  })

  it('VERSION-2: an invalid definition is refused whole', () => {
    const catalog = createCatalog()
    const command = { type: 'PublishCampaign' as const, definition: { ...definition('c'), sequences: [{}] }, ...meta }
    const decided = decidePublish(command, catalog, now)
    expect(decided).toMatchObject({ _tag: 'Left', left: { type: 'CampaignInvalid' } })
    expect(catalog.published()).toEqual([])
  })

  it('VERSION-2: warnings come with the answer', () => {
    const { answer } = publish(createCatalog(), definition('c'))
    expect(answer.warnings).toMatchObject([{ path: '/sequences/0', value: 's' }])
  })

  it('VERSION-3: unpublishing, once; what was never published is unknown', () => {
    const catalog = createCatalog()
    publish(catalog, definition('c'))
    expect(unpublish(catalog, 'c')).toMatchObject({
      events: [{ type: 'CampaignUnpublished', data: { campaignId: 'c', campaignVersion: 1 } }],
      answer: { outcome: 'unpublished', version: 1 },
    })
    expect(unpublish(catalog, 'c')).toMatchObject({
      events: [],
      remembered: [
        { type: 'CampaignUnchanged', data: { campaignId: 'c', campaignVersion: 1, outcome: 'not_published' } },
      ],
      answer: { outcome: 'not_published', version: 1 },
    })
    const unknown = decideUnpublish({ type: 'UnpublishCampaign', campaignId: 'x', ...meta }, catalog, now)
    expect(unknown).toMatchObject({ _tag: 'Left', left: { type: 'CampaignUnknown', campaignId: 'x', known: ['c'] } })
  })

  it('START-6: no campaign is known if nothing was published', () => {
    expect(findSequence(createCatalog(), 'c', 's')).toEqual({
      _tag: 'Left',
      left: { type: 'CampaignUnknown', campaignId: 'c', known: [] },
    })
  })
})

describe('reading', () => {
  it('GOAL-3: published campaigns by id, goals in the order of the definition, each once', () => {
    const catalog = createCatalog()
    for (const id of ['b', '😀', '\uffff', 'a', '__proto__']) publish(catalog, definition(id))
    expect(catalog.published().map((one) => one.campaignId)).toEqual(['__proto__', 'a', 'b', '\uffff', '😀'])
    expect(
      catalog
        .goalsFor('k')
        .map(({ published, goal }) => `${published.campaignId} ${goal.id}`)
        .slice(0, 4),
    ).toEqual(['__proto__ g1', '__proto__ g2', 'a g1', 'a g2'])
    expect(catalog.goalsFor('k')).toHaveLength(10)
    expect(catalog.goalsFor('constructor')).toEqual([])
  })

  it('VERSION-3: what is unpublished, or replaced, has no goals; what was asked before is not kept', () => {
    const catalog = createCatalog()
    publish(catalog, definition('a'))
    publish(catalog, definition('b'))
    expect(catalog.goalsFor('k')).toHaveLength(4)
    unpublish(catalog, 'a')
    expect(catalog.goalsFor('k')).toHaveLength(2)
    publish(catalog, definition('b', 'k2'))
    expect(catalog.goalsFor('k')).toEqual([])
    expect(catalog.goalsFor('k2')).toHaveLength(2)
  })

  it('START-6: the published sequence, or why there is none', () => {
    const catalog = createCatalog()
    publish(catalog, definition('c'))
    expect(isRight(findSequence(catalog, 'c', 's'))).toBe(true)
    expect(findSequence(catalog, 'c', 'g1')).toMatchObject({
      left: { type: 'SequenceUnknown', sequenceId: 'g1', known: ['s'] },
    })
    expect(findSequence(catalog, '__proto__', 's')).toMatchObject({ left: { type: 'CampaignUnknown' } })
    unpublish(catalog, 'c')
    expect(findSequence(catalog, 'c', 's')).toMatchObject({ left: { type: 'CampaignNotPublished', campaignId: 'c' } })
  })

  it('LOG-5: an event that was taken already changes nothing', () => {
    const catalog = createCatalog()
    const { events } = publish(catalog, definition('c'))
    publish(catalog, definition('c', 'k2'))
    for (const event of events) catalog.apply({ ...event, version: 1 })
    expect(catalog.find('c')).toMatchObject({ version: 2, versions: { length: 2 } })
  })

  it('VERSION-2: a log that holds an invalid definition is a fault', () => {
    const catalog = createCatalog()
    const { events } = publish(createCatalog(), definition('c'))
    const event = events[0] as CampaignEvent
    const damaged = { ...event, data: { ...event.data, definition: { id: 'c' } }, version: 1 } as never
    expect(() => catalog.apply(damaged)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
  })

  it('LOG-5: what was valid when it was published stays readable where it would be refused today', () => {
    const catalog = createCatalog()
    const { events } = publish(createCatalog(), definition('c'))
    const event = events[0] as CampaignEvent
    const elsewhere = { ...definition('c'), timeZone: 'Mars/Olympus_Mons' }
    expect(isLeft(defineCampaign(elsewhere))).toBe(true)
    catalog.apply({ ...event, data: { ...event.data, definition: elsewhere }, version: 1 } as never)
    expect(catalog.version('c', 1).campaign.definition.timeZone).toBe('Mars/Olympus_Mons')
  })
})
