import { type CounterChange, describeCounter, type Funnel, type Store, sumsBroken } from '@enfold/core'
import { funnelOfLog } from '@enfold/core/log'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerOf, MONDAY, pool, temporaryDirectory } from '../engine.fixture.ts'
import { createEngine } from '../engine.ts'
import { combineStores, readingItsWrites } from '../log.fixture.ts'
import { recountLog } from '../recount.ts'

const directory = temporaryDirectory()
let opened = 0

const stores: { readonly [name: string]: () => Store } = {
  memory: createMemoryStore,
  SQLite: () => createSqliteStore({ path: `${directory}/${++opened}.db` }),
  'a separate read model': () => combineStores(createMemoryStore(), createMemoryStore()),
}

const on = (contactId: string, sequenceId = 'nurture') => ({ contactId, campaignId: 'pool', sequenceId, actor: 'olga' })

/** Two days: four contacts in nurture, one of which is stopped, one buys, and one is erased. */
async function given(store: Store, stop = 'P9D') {
  const clock = createSimulatedClock(MONDAY)
  const made = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) } })
  const engine = store.capabilities.projectsInAppend ? made : readingItsWrites(made)
  onTestFinished(async () => {
    await engine.close()
    await store.close()
  })
  await engine.publish(pool)
  for (const contactId of ['ann', 'bob', 'cid', 'dan']) await answerOf(engine.startSequence(on(contactId)))
  await engine.runDue()
  clock.advance('P1D')
  await engine.runDue()
  await answerOf(engine.stopSequence(on('bob')))
  await answerOf(engine.signal({ contactId: 'cid', kind: 'purchased', signalId: 'bought' }))
  await answerOf(engine.erase({ contactId: 'dan', actor: 'olga' }))
  await engine.runDue()
  clock.advance(stop)
  return { engine, clock, store }
}

const nurtureOf = (funnel: Funnel | null) => funnel?.sequences.find(({ sequenceId }) => sequenceId === 'nurture')

describe.each(Object.entries(stores))('given a campaign in %s', (_, open) => {
  it('FUNNEL-1, FUNNEL-3: the numbers of a funnel add up, and are those of the log', async () => {
    const { engine, store } = await given(open())
    const funnel = await engine.inspect.funnel('pool')
    expect(funnel).toMatchObject({ campaignId: 'pool', version: null, from: null, to: null, complete: true })
    expect(sumsBroken(funnel as Funnel)).toEqual([])
    expect(nurtureOf(funnel)).toMatchObject({
      started: 4,
      active: 1,
      stoppedBy: { hand: 1, goal: 1, failure: 0, ban: 0, erasure: 1 },
      steps: [
        { stepId: 'one', reached: 4, sent: 4 },
        { stepId: 'two', reached: 4, sent: 4 },
        { stepId: 'three', reached: 4, waiting: 1, left: 3 },
      ],
    })
    expect(funnel?.goals.find(({ goalId }) => goalId === 'bought')).toEqual({
      goalId: 'bought',
      satisfied: 1,
      from: [{ sequenceId: 'nurture', runs: 1 }],
    })
    expect(await funnelOfLog(store.readAll(), 'pool')).toEqual(funnel)
    expect((await engine.verifyIndex()).counters).toEqual([])
  })

  it('FUNNEL-2: verifyIndex names a counter that differs, and rebuildIndex sets it right', async () => {
    const { engine, store } = await given(open())
    const before = await engine.inspect.funnel('pool')
    const { revision } = await store.countersAt()
    const key = JSON.stringify(['sequence', 'nurture', 'started'])
    const wrong: CounterChange[] = [
      { campaignId: 'pool', campaignVersion: 1, by: [[key, 7]] },
      { campaignId: 'ghost', campaignVersion: 3, by: [[key, -1]] },
    ]
    expect(await store.correctCounters(wrong, revision)).toBe(true)
    const { counters } = await engine.verifyIndex()
    expect(counters.map((one) => [describeCounter(one), one.expected, one.found])).toEqual([
      ['"pool", version 1: sequence "nurture", started', 4, 11],
      ['"ghost", version 3: sequence "nurture", started', 0, -1],
    ])
    await engine.rebuildIndex()
    expect((await engine.verifyIndex()).counters).toEqual([])
    expect(await engine.inspect.funnel('pool')).toEqual(before)
  })
})

describe('given a period', () => {
  const day = (n: number) => `2026-03-0${n}T00:00:00.000Z`

  it('FUNNEL-3: the log says by how much it changed the numbers, and periods add up', async () => {
    const { engine, store } = await given(createMemoryStore())
    const whole = await engine.inspect.funnel('pool')
    const first = await engine.inspect.funnel('pool', { to: day(3) })
    const second = await engine.inspect.funnel('pool', { from: day(3), to: day(4) })
    expect(nurtureOf(first)).toMatchObject({ started: 4, active: 4, steps: [{ sent: 4 }, { waiting: 4 }, {}] })
    expect(nurtureOf(second)).toMatchObject({
      started: 0,
      active: -3,
      stopped: 3,
      steps: [{ sent: 0 }, { reached: 0, waiting: -4, sent: 4 }, { reached: 4, waiting: 1, left: 3 }],
    })
    for (const one of [first, second]) expect(sumsBroken(one as Funnel)).toEqual([])
    expect(await engine.inspect.funnel('pool', { from: '2026-01-01T00:00:00.000Z' })).toEqual({
      ...whole,
      from: '2026-01-01T00:00:00.000Z',
    })
    expect(await funnelOfLog(store.readAll(), 'pool', { from: day(3), to: day(4) })).toEqual(second)
  })

  it('FUNNEL-3: reading the log tells how far it is, and ends when it is told to', async () => {
    const { engine } = await given(createMemoryStore())
    const seen: unknown[] = []
    await engine.inspect.funnel('pool', { from: day(1), onProgress: (progress) => seen.push(progress) })
    expect(seen).toEqual([{ contacts: 4, events: expect.any(Number) }])
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(engine.inspect.funnel('pool', { from: day(1), signal })).rejects.toThrow('enough')
  })
})

it('FUNNEL-3: one version counts its own runs, and an unknown campaign or version has no numbers', async () => {
  const { engine } = await given(createMemoryStore())
  await engine.publish({ ...pool, name: 'Second' })
  await answerOf(engine.startSequence(on('eve')))
  const started = async (version?: number) =>
    nurtureOf(await engine.inspect.funnel('pool', version === undefined ? {} : { version }))?.started
  expect([await started(), await started(1), await started(2)]).toEqual([5, 4, 1])
  expect(await engine.inspect.funnel('pool', { version: 3 })).toBeNull()
  expect(await engine.inspect.funnel('none')).toBeNull()
  expect(await engine.inspect.funnel('none', { from: MONDAY })).toBeNull()
  await expect(engine.inspect.funnel('pool', { from: MONDAY, to: MONDAY })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('after `from`'),
  })
})

it('FUNNEL-1: an unpublished campaign keeps its numbers, and runs that it stopped count as stopped by hand', async () => {
  const { engine } = await given(createMemoryStore())
  await answerOf(engine.unpublish('pool', { actor: 'mia', stopRuns: true }))
  expect(nurtureOf(await engine.inspect.funnel('pool'))).toMatchObject({ started: 4, open: 0, stoppedBy: { hand: 2 } })
})

it('FUNNEL-2: what was appended without counters is counted by recountLog', async () => {
  const { engine, store } = await given(createMemoryStore())
  const copy = createMemoryStore()
  onTestFinished(() => copy.close())
  for await (const { version, ...event } of store.readAll()) await copy.append(event.stream, [event], version - 1)
  const { counters } = await copy.countersAt()
  expect(counters).toEqual([])
  await recountLog({ store: copy, readModel: copy })
  const again = createEngine({ store: copy, handlers: {} })
  onTestFinished(() => again.close())
  expect(await again.inspect.funnel('pool')).toEqual(await engine.inspect.funnel('pool'))
})
