/** Signals of kinds that a campaign keeps: what is recorded, what is dropped, and why a goal was not satisfied. */
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { afterEach, expect, it } from 'vitest'
import { answerOf, MONDAY } from './engine.fixture.ts'

const shop = {
  id: 'shop',
  signals: { purchased: { keep: ['total'] } },
  goals: [
    { id: 'bought', when: { kind: 'purchased', match: { total: { atLeast: 100 } } } },
    { id: 'clicked', when: { kind: 'link-clicked' } },
  ],
  sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }], next: ['bought'] }],
}

const opened: Engine[] = []
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close()
})

async function given(more: Partial<EngineOptions> = {}) {
  const clock = createSimulatedClock(MONDAY)
  const engine = createEngine({
    store: createMemoryStore(),
    clock,
    handlers: { email: () => ({ outcome: 'sent' }) },
    ...more,
  })
  opened.push(engine)
  await answerOf(engine.publish(shop))
  const bought = (signalId: string, total: number) =>
    answerOf(engine.signal({ contactId: 'ann', kind: 'purchased', signalId, data: { total, name: 'Ann' } }))
  const dropped = async () =>
    (await engine.inspect.history('ann')).flatMap(({ type, data }) => (type === 'SignalsDropped' ? [data.count] : []))
  return { engine, clock, bought, dropped }
}

it('SIGNAL-2: a kept signal stands in the history with its kept values, though no goal was satisfied', async () => {
  const { engine, bought } = await given()
  expect(await bought('s1', 20)).toMatchObject({ goals: [], version: 1 })
  expect(await engine.inspect.history('ann')).toMatchObject([
    { type: 'SignalReceived', data: { signalId: 's1', kind: 'purchased', data: { total: 20 }, unmet: [] } },
  ])
})

it('SIGNAL-5: explainNot says why a purchase did not stop the sequence', async () => {
  const { engine, bought } = await given()
  await bought('s1', 20)
  const asked = { contactId: 'ann', campaignId: 'shop', goalId: 'bought', signalId: 's1' }
  expect(await engine.inspect.explainNot(asked)).toMatchObject({
    reason: 'no-match',
    detail: 'total was 20, expected {"atLeast":100}',
    evidence: [{ type: 'SignalReceived' }],
  })
  await expect(engine.inspect.explainNot({ ...asked, signalId: 7 } as never)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('inspect.explainNot.signalId'),
  })
})

it('MATCH-2: an automated click satisfies no goal, and a click by hand does', async () => {
  const { engine } = await given()
  const click = { contactId: 'ann', kind: 'link-clicked' }
  expect((await answerOf(engine.signal({ ...click, automated: true }))).goals).toMatchObject([{ outcome: 'automated' }])
  expect((await answerOf(engine.signal(click))).goals).toMatchObject([{ outcome: 'satisfied' }])
})

it('SIGNAL-6: no more signals of a contact are kept than maxKeptSignals, and the others are counted once a day', async () => {
  const { engine, clock, bought, dropped } = await given({ maxKeptSignals: 2 })
  for (let i = 1; i <= 5; i++) await bought(`s${i}`, i)
  expect((await engine.inspect.history('ann')).filter(({ type }) => type === 'SignalReceived')).toHaveLength(2)
  expect(await dropped()).toEqual([1])
  clock.advance('P1D')
  await bought('s6', 6)
  await bought('s7', 7)
  // Two of the day before, and the first of this one.
  expect(await dropped()).toEqual([1, 3])
  // A goal is satisfied all the same, and its signal is not kept.
  expect((await bought('s8', 100)).goals).toMatchObject([{ goalId: 'bought', outcome: 'satisfied' }])
})

it('SIGNAL-6, GOAL-10: a signal of which nothing was recorded has the same result when it comes again', async () => {
  const { bought, dropped } = await given({ maxKeptSignals: 0 })
  for (let i = 0; i < 3; i++) expect((await bought('s1', 20)).goals).toEqual([])
  expect(await dropped()).toEqual([1])
})

it('MATCH-1: an integer that was rounded before it came is refused in a signal and in the variables of a start', async () => {
  const { engine } = await given()
  const data = { order: { id: 2 ** 53 } }
  const signal = engine.signal({ contactId: 'ann', kind: 'purchased', signalId: 's1', data })
  await expect(signal).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('signal.data/order/id is an integer that cannot be kept exactly'),
  })
  const start = engine.startSequence({
    ...{ contactId: 'ann', campaignId: 'shop', sequenceId: 'nurture', actor: null },
    vars: { orderId: -(2 ** 60) },
  })
  await expect(start).rejects.toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('vars/orderId') })
  expect(await engine.inspect.history('ann')).toEqual([])
  const largest = { contactId: 'ann', kind: 'purchased', signalId: 's1', data: { total: 2 ** 53 - 1 } }
  expect(await answerOf(engine.signal(largest))).toMatchObject({ goals: [{ outcome: 'satisfied' }] })
})
