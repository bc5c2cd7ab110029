import {
  type ContactDirectory,
  type ContactId,
  campaign,
  epochMsOf,
  type Facts,
  instantOf,
  isMarkOfPlan,
  isRight,
  type Page,
  type Route,
  type StepHandler,
} from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { searched } from './actions/contact-source.ts'
import { answerOf, eventsOf, MONDAY } from './engine.fixture.ts'
import { logOnly, readModelOnly } from './log.fixture.ts'

const by = { actor: 'olga' }
const BERLIN: Facts = { timeZone: 'Europe/Berlin' }

/** Steps whose due instants read the contact's zone, and a sequence whose steps read nothing. */
const mornings = campaign({
  id: 'mornings',
  goals: [],
  sequences: [
    {
      id: 'zoned',
      steps: [
        { id: 'first', kind: 'email', timer: { afterDays: 1, at: '08:00' } },
        { id: 'second', kind: 'email', timer: { afterDays: 1, at: '08:00' } },
      ],
    },
    { id: 'plain', steps: [{ id: 'later', kind: 'email', timer: { after: 'P3D' } }] },
    { id: 'other', steps: [{ id: 'morning', kind: 'email', timer: { afterDays: 2, at: '08:00' } }] },
  ],
})

/** A directory that works until it is told otherwise, and counts what it is asked. */
function createFickle(answer: (contactId: ContactId) => unknown = () => BERLIN) {
  const fickle = {
    now: answer,
    asked: 0,
    contacts: {
      get(contactId: ContactId) {
        fickle.asked += 1
        return fickle.now(contactId) as Facts
      },
    },
  }
  return fickle
}

const FAILING: readonly (readonly [string, () => unknown])[] = [
  [
    'is down',
    () => {
      throw new Error('ann@example.org cannot be reached')
    },
  ],
  ['says nothing', () => new Promise(() => {})],
  ['answers nonsense', () => ({ fields: { born: new Date('1980-02-29') } })],
]

async function given(contacts: ContactDirectory, more: Partial<EngineOptions> = {}) {
  const clock = createSimulatedClock(MONDAY)
  const store = createMemoryStore()
  const sent: StepHandler = () => ({ outcome: 'sent' })
  const engine = createEngine({ store, clock, handlers: { email: sent }, contacts, contactsTimeoutMs: 200, ...more })
  await answerOf(engine.publish(mornings))
  return { engine, store, clock }
}

/** For many at once, on a machine that may be busy. */
const PATIENT = { contactsTimeoutMs: 30_000 }

const on = (sequenceId: string, contactId = 'ann') => ({ contactId, campaignId: 'mornings', sequenceId, ...by })
const start = (engine: Engine, sequenceId: string, contactId = 'ann') =>
  answerOf(engine.startSequence(on(sequenceId, contactId)))

describe.each(FAILING)('given a directory that %s', (_, fails) => {
  it('FACTS-1: every verb that reads no facts works, and does not ask it', async () => {
    const directory = createFickle()
    const { engine } = await given(directory.contacts)
    for (const sequenceId of ['zoned', 'plain', 'other']) await start(engine, sequenceId)
    directory.now = fails
    directory.asked = 0
    const step = { ...on('zoned'), stepId: 'second' }
    expect(await answerOf(engine.pauseSequence(on('plain')))).toMatchObject({ outcome: 'paused' })
    expect(await answerOf(engine.resumeSequence(on('plain')))).toMatchObject({ outcome: 'resumed' })
    expect(await answerOf(engine.cancelStep(step))).toMatchObject({ outcome: 'cancelled' })
    expect(await answerOf(engine.stopSequence(on('zoned')))).toMatchObject({ outcome: 'stopped' })
    expect(await answerOf(engine.stopAll({ contactId: 'ann', ...by }))).toMatchObject({ outcome: 'stopped' })
    expect(await answerOf(engine.suppress({ contactId: 'ann', ...by }))).toMatchObject({ outcome: 'suppressed' })
    expect(await answerOf(engine.unsuppress({ contactId: 'ann', ...by }))).toMatchObject({ outcome: 'unsuppressed' })
    expect(await answerOf(engine.erase({ contactId: 'ann', ...by }))).toMatchObject({ outcome: 'erased' })
    expect(directory.asked).toBe(0)
  })

  it('FACTS-1: many are stopped at once, and the preview counts them', async () => {
    const directory = createFickle()
    const { engine } = await given(directory.contacts)
    for (const contactId of ['ann', 'bob']) await start(engine, 'zoned', contactId)
    directory.now = fails
    const stopped = { actionId: 'a', action: 'stop', campaignId: 'mornings', sequenceId: 'zoned' } as const
    const order = { ...stopped, actor: 'olga', contacts: { ids: ['ann', 'bob'] } }
    expect((await answerOf(engine.previewAction(order))).outcomes).toMatchObject({ stopped: 2, failed: 0 })
    expect((await answerOf(engine.processAction(order))).outcomes).toMatchObject({ stopped: 2, failed: 0 })
  })

  it('FACTS-1: every question about a contact is answered, and says that the facts are missing', async () => {
    const directory = createFickle()
    const { engine } = await given(directory.contacts)
    await start(engine, 'zoned')
    directory.now = fails
    const { inspect } = engine
    const fault = { factsFault: { code: expect.stringMatching(/^(DIRECTORY|FACTS)_/) } }
    expect(await inspect.contact('ann')).toMatchObject({ enrollments: [{ status: 'active' }], ...fault })
    expect(await inspect.history('ann')).toHaveLength(1)
    const { actor: _actor, ...step } = { ...on('zoned'), stepId: 'first' }
    expect(await inspect.explain(step)).toMatchObject({ step: { reason: 'not-yet-due' }, ...fault })
    expect(await inspect.sequencesOf('ann')).toHaveLength(1)
    expect(await inspect.upcoming({ contactId: 'ann' })).toMatchObject([{ contactId: 'ann', ...fault }])
    expect(await inspect.upcoming({})).toMatchObject([{ contactId: 'ann', ...fault }])
  })

  it('FACTS-1: after such a verb nothing is missed and nothing is early', async () => {
    const directory = createFickle()
    const { engine, clock } = await given(directory.contacts)
    for (const sequenceId of ['zoned', 'other']) await start(engine, sequenceId)
    directory.now = fails
    await answerOf(engine.stopSequence(on('zoned')))
    // The worker cannot know either, and sends nothing on a guess.
    expect(await engine.runDue()).toMatchObject({ dispatched: 0, skipped: 0 })
    directory.now = () => BERLIN
    clock.advance('PT2M')
    expect(await engine.runDue()).toMatchObject({ dispatched: 0, wakeAt: '2026-03-04T07:00:00.000Z' })
    clock.set('2026-03-04T07:00:00.000Z')
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
  })

  it('FACTS-1: an outcome is recorded, and its step is not sent again', async () => {
    const directory = createFickle()
    let calls = 0
    const email: StepHandler = () => {
      calls += 1
      directory.now = fails
      return { outcome: 'sent' }
    }
    const { engine, clock } = await given(directory.contacts, { handlers: { email } })
    await start(engine, 'zoned')
    clock.set('2026-03-03T07:00:00.000Z')
    await engine.runDue()
    expect(await eventsOf(engine, 'StepSent')).toHaveLength(1)
    directory.now = () => BERLIN
    clock.advance('PT2M')
    expect(await engine.runDue()).toMatchObject({ dispatched: 0, wakeAt: '2026-03-04T07:00:00.000Z' })
    expect(calls).toBe(1)
  })

  it('FACTS-1, ROUTE-1: routes are never decided on the facts before the handler, though the directory fails after it', async () => {
    const directory = createFickle()
    let tags: readonly string[] = []
    const email: StepHandler = ({ step }) => {
      if (step.id !== 'ask') return { outcome: 'sent' }
      tags = ['vip']
      directory.now = fails
      return { outcome: 'sent' }
    }
    const { engine, clock } = await given(directory.contacts, { handlers: { email } })
    const sequence = (id: string, step: string, next: readonly Route[] = []) => ({
      id,
      steps: [{ id: step, kind: 'email' }],
      next,
    })
    const next = [
      { to: 'best', if: { tag: 'vip' } },
      { to: 'rest', otherwise: true },
    ] as const
    const routed = {
      id: 'routed',
      goals: [],
      sequences: [sequence('first', 'ask', next), sequence('best', 'b'), sequence('rest', 'r')],
    }
    await answerOf(engine.publish(routed))
    directory.now = () => ({ tags })
    await answerOf(engine.startSequence({ contactId: 'ann', campaignId: 'routed', sequenceId: 'first', actor: null }))
    await engine.runDue().catch(() => undefined)
    expect(await eventsOf(engine, 'StepSent')).toHaveLength(1)
    expect(await eventsOf(engine, 'SequenceCompleted')).toEqual([])
    directory.now = () => ({ tags })
    clock.advance('PT10M')
    await engine.runDue()
    expect(await eventsOf(engine, 'SequenceCompleted')).toMatchObject([
      {
        data: {
          sequenceId: 'first',
          routes: [
            { to: 'best', outcome: 'started' },
            { to: 'rest', outcome: 'closed' },
          ],
        },
      },
      { data: { sequenceId: 'best' } },
    ])
    expect((await engine.verifyIndex()).differences).toEqual([])
  })

  it('FACTS-1: the index is rebuilt, and the contact is looked at again', async () => {
    const directory = createFickle()
    const { engine } = await given(directory.contacts)
    await start(engine, 'zoned')
    directory.now = fails
    expect(await engine.rebuildIndex()).toEqual({ contacts: 1 })
    await expect(engine.refreshContact('ann')).rejects.toMatchObject({ code: expect.stringMatching(/DIRECTORY|FACTS/) })
    directory.now = () => BERLIN
    expect(await engine.runDue()).toMatchObject({ dispatched: 0, wakeAt: '2026-03-03T07:00:00.000Z' })
  })

  it('FACTS-1: a verb that reads facts ends in a fault, and nothing is written', async () => {
    const { engine } = await given({ get: fails as never })
    const code = expect.stringMatching(/^(DIRECTORY|FACTS)_/)
    await expect(engine.startSequence(on('zoned'))).rejects.toMatchObject({ code })
    await expect(engine.signal({ contactId: 'ann', kind: 'purchased' })).rejects.toMatchObject({ code })
    expect(await engine.inspect.history('ann')).toEqual([])
  })
})

it('FACTS-1: with a separate read model, the wake after a stop is right too', async () => {
  const directory = createFickle()
  const clock = createSimulatedClock(MONDAY)
  const handlers = { email: () => ({ outcome: 'sent' }) as const }
  const engine = createEngine({
    ...{ store: logOnly(createMemoryStore()), readModel: readModelOnly(createMemoryStore()) },
    ...{ clock, handlers, contacts: directory.contacts, contactsTimeoutMs: 30_000 },
  })
  await answerOf(engine.publish(mornings))
  for (const sequenceId of ['zoned', 'other']) await start(engine, sequenceId)
  await engine.runDue()
  directory.now = (FAILING[0] as (typeof FAILING)[number])[1]
  await answerOf(engine.stopSequence(on('zoned')))
  await engine.runDue()
  directory.now = () => BERLIN
  clock.advance('PT2M')
  expect(await engine.runDue()).toMatchObject({ dispatched: 0, wakeAt: '2026-03-04T07:00:00.000Z' })
})

it('FACTS-1: a contact whose timers read no facts keeps its exact wake after a stop', async () => {
  const { engine, store } = await given(createFickle().contacts)
  for (const sequenceId of ['zoned', 'plain']) await start(engine, sequenceId)
  await answerOf(engine.stopSequence(on('zoned')))
  expect(await store.nextWake()).toBe('2026-03-05T09:00:00.000Z')
})

describe('given rows of a directory that are odd', () => {
  it.each([
    ['timeZone', { timeZone: null, tags: ['customer'] }],
    ['tags', { tags: null }],
    ['tags within', { tags: ['customer', null, undefined] }],
    ['fields', { fields: null }],
    ['a field', { fields: { spend: null, born: undefined, home: { zip: undefined } } }],
    ['everything', { timeZone: undefined, tags: undefined, fields: undefined }],
  ])('FACTS-2: null and undefined in %s are absent', async (_, facts) => {
    const { engine } = await given({ get: () => facts as unknown as Facts })
    await start(engine, 'zoned')
    const seen = await engine.inspect.facts('ann')
    const text = JSON.stringify(seen)
    expect(seen).toEqual(JSON.parse(text))
    expect([seen?.timeZone, seen?.tags?.includes(null as never)]).toEqual([undefined, seen?.tags && false])
    expect(await engine.inspect.contact('ann')).not.toHaveProperty('factsFault')
  })

  it('FACTS-2: a row that cannot be read is that contact’s fault alone; everyone else is listed and mailed', async () => {
    const directory = createFickle()
    const { engine, clock } = await given(directory.contacts)
    const ids = Array.from({ length: 50 }, (_, i) => `c${i}`)
    for (const contactId of ids) await start(engine, 'zoned', contactId)
    directory.now = (contactId) => (contactId === 'c7' ? { timeZone: 7 } : BERLIN)
    const upcoming = await engine.inspect.upcoming({})
    expect(upcoming).toHaveLength(50)
    expect(upcoming.filter(({ factsFault }) => factsFault !== undefined)).toMatchObject([
      {
        contactId: 'c7',
        factsFault: { code: 'FACTS_UNREADABLE', message: expect.stringContaining('timeZone is a number') },
      },
    ])
    clock.set('2026-03-03T08:00:00.000Z')
    const overdue = await engine.inspect.overdue()
    expect(overdue).toMatchObject({ contacts: 49, broken: [{ code: 'FACTS_UNREADABLE', contacts: 1, example: 'c7' }] })
    expect(await engine.runDue()).toMatchObject({ sent: 49 })
  })

  it('FACTS-2: a directory that throws for one of many costs no other its answer', async () => {
    const asked: number[] = []
    const { engine } = await given(
      {
        get: () => null,
        getMany(contactIds) {
          asked.push(contactIds.length)
          if (contactIds.includes('c7')) throw new Error('a row of another kind')
          return new Map(contactIds.map((contactId) => [contactId, BERLIN]))
        },
      },
      PATIENT,
    )
    const ids = Array.from({ length: 50 }, (_, i) => `c${i}`)
    const started = await Promise.allSettled(ids.map((contactId) => engine.startSequence(on('zoned', contactId))))
    expect(started.map(({ status }) => status)).toEqual(ids.map((id) => (id === 'c7' ? 'rejected' : 'fulfilled')))
  })

  it('FACTS-2: a directory that is down is not asked about each of many alone', async () => {
    let calls = 0
    const { engine } = await given(
      {
        get: () => null,
        getMany() {
          calls += 1
          throw new Error('down')
        },
      },
      PATIENT,
    )
    const ids = Array.from({ length: 400 }, (_, i) => `c${i}`)
    const started = await Promise.allSettled(ids.map((contactId) => engine.startSequence(on('zoned', contactId))))
    expect(started.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls).toBeLessThan(40)
  })

  it('a directory that hangs once answers again when it can', async () => {
    let hangs = true
    const { engine } = await given({
      get: () => null,
      getMany: (contactIds) =>
        hangs ? new Promise(() => {}) : new Map(contactIds.map((contactId) => [contactId, BERLIN])),
    })
    await expect(engine.startSequence(on('zoned'))).rejects.toMatchObject({ code: 'DIRECTORY_SILENT' })
    hangs = false
    expect(isRight(await engine.startSequence(on('zoned')))).toBe(true)
  })
})

describe('given values of a host that must not be told', () => {
  const SECRET = 'anna.secret@example.org'
  class Person {
    readonly address = SECRET
    toJSON() {
      return SECRET
    }
    toString() {
      return SECRET
    }
  }
  const rows: readonly (readonly [string, () => unknown])[] = [
    ['a Date', () => ({ fields: { born: new Date('1980-02-29T01:02:03.004Z') } })],
    ['an object of a class', () => ({ fields: { person: new Person() } })],
    ['one that is nested', () => ({ fields: { person: { [SECRET]: [new Person()] } } })],
    ['a text for the tags', () => ({ tags: SECRET })],
    ['an object among the tags', () => ({ tags: [new Person()] })],
    ['a text for the facts', () => SECRET],
    ['an object as zone', () => ({ timeZone: new Person() })],
    [
      'an error that quotes it',
      () => {
        throw Object.assign(new Error(SECRET), { name: SECRET })
      },
    ],
    ['a text that is thrown', () => Promise.reject(SECRET)],
    [
      'facts that throw when they are read',
      () =>
        Object.defineProperty({}, 'fields', {
          enumerable: true,
          get() {
            throw new Error(SECRET)
          },
        }),
    ],
  ]

  it.each(rows)('%s is in no fault, no result of an action, no health and no list', async (_, row) => {
    const directory = createFickle()
    const { engine, clock } = await given(directory.contacts)
    await start(engine, 'zoned')
    directory.now = row
    const fault = await engine.startSequence(on('plain')).catch((error) => error)
    const said: unknown[] = [fault.message, fault.details, fault.code]
    const order = { action: 'start', campaignId: 'mornings', sequenceId: 'plain', contacts: { ids: ['ann'] } } as const
    await engine.processAction({ ...order, actionId: 'a', actor: null })
    said.push(await engine.inspect.actionContacts({ actionId: 'a' }))
    clock.set('2026-03-03T08:00:00.000Z')
    await engine.runDue()
    said.push(await engine.health(), await engine.inspect.contact('ann'))
    said.push(await engine.inspect.upcoming({}), await engine.inspect.overdue())
    const text = JSON.stringify(said)
    expect(text).toContain('ann')
    expect(text).toMatch(/DIRECTORY_FAILED|FACTS_UNREADABLE/)
    expect(text).not.toContain(SECRET)
    expect(text).not.toContain('1980')
  })
})

describe('given a contact that the directory does not know', () => {
  it('FACTS-3: the directory is asked again, with longer and longer pauses, for an hour; then the step is skipped', async () => {
    const directory = createFickle()
    const { engine, clock } = await given(directory.contacts)
    await start(engine, 'plain')
    clock.set('2026-03-05T09:00:00.000Z')
    const beganMs = epochMsOf(clock.now())
    directory.now = () => null
    directory.asked = 0
    const minutes: number[] = []
    for (;;) {
      const { wakeAt, skipped } = await engine.runDue()
      if (skipped > 0 || wakeAt === null) break
      minutes.push((epochMsOf(wakeAt) - beganMs) / 60_000)
      clock.set(wakeAt)
    }
    expect(minutes).toEqual([0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5, 45.5, 55.5, 60])
    expect(await eventsOf(engine, 'StepSkipped')).toMatchObject([{ data: { reason: 'contact-unknown' } }])
  })

  it('FACTS-3: the hour is counted across processes, each of which lives for one run of a minute', async () => {
    const directory = createFickle()
    const { engine, clock, store } = await given(directory.contacts)
    await start(engine, 'plain')
    clock.set('2026-03-05T09:00:20.000Z')
    directory.now = () => null
    directory.asked = 0
    const skippedAfter: number[] = []
    for (let minute = 0; minute <= 70 && skippedAfter.length === 0; minute++) {
      const cron = createEngine({
        store,
        clock,
        contacts: directory.contacts,
        handlers: { email: () => ({ outcome: 'sent' }) },
      })
      if ((await cron.runDue()).skipped > 0) skippedAfter.push(minute)
      await cron.close()
      clock.advance('PT1M')
    }
    expect(skippedAfter).toEqual([61])
    expect(directory.asked).toBeLessThan(30)
    expect(await eventsOf(engine, 'StepSkipped')).toMatchObject([{ data: { reason: 'contact-unknown' } }])
    expect(await store.tagsOf('ann')).toEqual([])
  })

  it('FACTS-3: a contact that was known in between is asked about for an hour again', async () => {
    const directory = createFickle()
    const { engine, clock, store } = await given(directory.contacts)
    await start(engine, 'plain')
    clock.set('2026-03-05T09:00:00.000Z')
    directory.now = () => null
    await engine.runDue()
    expect((await store.tagsOf('ann')).some(isMarkOfPlan)).toBe(true)
    directory.now = () => BERLIN
    clock.advance('PT10M')
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect((await store.tagsOf('ann')).some(isMarkOfPlan)).toBe(false)
  })

  it('FACTS-3: a contact that is known again within the hour is mailed', async () => {
    const directory = createFickle()
    const { engine, clock } = await given(directory.contacts)
    await start(engine, 'plain')
    clock.set('2026-03-05T09:00:00.000Z')
    directory.now = () => null
    for (let i = 0; i < 5; i++) {
      const { wakeAt } = await engine.runDue()
      clock.set(wakeAt as string)
    }
    directory.now = () => BERLIN
    expect(await engine.runDue()).toMatchObject({ sent: 1, skipped: 0 })
  })

  it('FACTS-3: a worker that comes after a standstill asks for an hour, too', async () => {
    const directory = createFickle()
    const { engine, clock } = await given(directory.contacts)
    await start(engine, 'plain')
    clock.set('2026-03-09T09:00:00.000Z')
    directory.now = () => null
    expect(await engine.runDue()).toMatchObject({ skipped: 0, wakeAt: instantOf(epochMsOf(clock.now()) + 30_000) })
  })
})

describe('given a search of the host that is broken', () => {
  const paged = (search: (page: Page) => unknown): ContactDirectory => ({
    get: () => BERLIN,
    search: (_, page) => search(page) as never,
  })
  const stop = { actionId: 'a', action: 'stop', campaignId: 'mornings', sequenceId: 'zoned', actor: null } as const
  const bySearch = { ...stop, contacts: { search: 'x' } }

  it.each<[string, (page: Page) => unknown]>([
    ['whose next is always the same', () => ({ contacts: ['ann'], next: 'ann' })],
    ['that goes round in a circle', ({ after }) => ({ contacts: ['ann'], next: after === 'ann' ? 'bob' : 'ann' })],
    ['that finds nobody and has always more', ({ after }) => ({ contacts: [], next: `${Number(after ?? 0) + 1}` })],
    ['that returns no list', () => ({ contacts: 'ann', next: null })],
    ['that returns something that is no id', () => ({ contacts: [new Date(0)], next: null })],
    ['that returns nothing', () => undefined],
    ['that hangs', () => new Promise(() => {})],
    ['that throws', () => Promise.reject(new Error('anna@example.org'))],
  ])('%s, an action ends with a fault that says so, and other work has its turn', async (_, search) => {
    const { engine } = await given(paged(search))
    let turns = 0
    const timer = setInterval(() => {
      turns += 1
    }, 1)
    const fault = await engine.processAction(bySearch).catch((error) => error)
    clearInterval(timer)
    expect(fault).toMatchObject({ code: expect.stringMatching(/^DIRECTORY_/) })
    expect(fault.message).not.toMatch(/anna|1970/)
    expect(await engine.inspect.action('a')).toMatchObject({ state: 'collecting' })
    // Those of one page only come too quickly for a turn of the timer.
    if (fault.message.includes('nobody')) expect(turns).toBeGreaterThan(0)
  })

  it('an action takes so many contacts at most if the search finds more and more', async () => {
    const endless = {
      search: async ({ after }: { after?: string | null }) => {
        const first = Number(after ?? 0)
        const contacts = Array.from({ length: 1000 }, (_, i) => `${first + i + 1}`)
        return { contacts, total: null, next: contacts.at(-1) as string }
      },
    }
    let found = 0
    const all = (async () => {
      for await (const _ of searched({ text: 'x' }, endless, { contacts: 5000, emptyPages: 10 })) found += 1
    })()
    await expect(all).rejects.toMatchObject({ code: 'DIRECTORY_FAILED', message: expect.stringContaining('5,000') })
    expect(found).toBe(6000)
  })

  it('INDEX-2: a search of which the index passes over nearly all answers short pages that lead on', async () => {
    const { engine } = await given(
      paged(({ after }) => {
        const n = Number(after ?? 0) + 1
        return { contacts: [`${n}`], next: n === 250 ? null : `${n}` }
      }),
    )
    await start(engine, 'zoned', '249')
    const all = [{ campaignId: 'mornings', sequenceId: 'zoned' }]
    const first = await engine.inspect.search({ text: 'x', all })
    expect(first).toEqual({ contacts: [], total: null, next: '100' })
    const second = await engine.inspect.search({ text: 'x', all, after: first.next })
    const third = await engine.inspect.search({ text: 'x', all, after: second.next })
    expect(third).toEqual({ contacts: ['249'], total: null, next: null })
  })
})
