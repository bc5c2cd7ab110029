/** What an order would change of a schedule, asked of the engine: nothing is written for it. */
import { contactStream, describeScheduleChange, isLeft, orThrow, type Rejection, type Store } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { MONDAY } from '../engine.fixture.ts'
import { createEngine } from '../engine.ts'
import { counting, keepingStates } from '../states.fixture.ts'

const daily = (id: string) => ({ id, kind: 'email', timer: { after: 'P1D' } })
const course = {
  id: 'course',
  goals: [],
  sequences: [{ id: 's', steps: [daily('a'), daily('b'), daily('c')] }],
} as const
const order = { contactId: 'ada', campaignId: 'course', sequenceId: 's', actor: 'olga' } as const
const [TUESDAY, THURSDAY] = ['2026-03-03T09:00:00.000Z', '2026-03-05T09:00:00.000Z']

async function given(store: Store = createMemoryStore(), get: () => object | null = () => ({})) {
  const engine = createEngine({ store, clock: createSimulatedClock(MONDAY), contacts: { get }, handlers: {} })
  orThrow(await engine.publish(course))
  orThrow(await engine.startSequence(order))
  const lengthOf = async () => ((await store.readMany([contactStream('ada')])).get(contactStream('ada')) ?? []).length
  return { engine, lengthOf }
}

const inWords = (effect: { readonly changes: readonly Parameters<typeof describeScheduleChange>[0][] }) =>
  effect.changes.map((one) => describeScheduleChange(one))

describe('the effect of an order, asked of the engine', () => {
  it('SHIFT-2: a preview is what the order then does, and nothing is written', async () => {
    const { engine, lengthOf } = await given()
    const shift = { ...order, by: 'P2D' }
    const before = await lengthOf()
    const effect = orThrow(await engine.inspect.effect('shiftRun', shift))
    expect(effect.answer).toEqual({ outcome: 'shifted', run: 1 })
    expect(inWords(effect)).toEqual([`a of course/s, run 1: from ${TUESDAY} to ${THURSDAY}`])
    expect(await lengthOf()).toBe(before)
    orThrow(await engine.shiftRun(shift))
    const [run] = (await engine.inspect.contact('ada')).enrollments
    expect(run?.next).toMatchObject({ stepId: 'a', dueAt: THURSDAY })
  })

  it('what would be refused says why, and what is no order of the verb is a fault', async () => {
    const { engine, lengthOf } = await given()
    const refused = await engine.inspect.effect('skipStep', { ...order, stepId: 'z' })
    expect(isLeft(refused) ? (refused.left as Rejection).type : null).toBe('StepUnknown')
    await expect(engine.inspect.effect('moveRun', order)).rejects.toThrow('`toStep` or `toSequence`')
    await expect(engine.inspect.effect('shift' as never, order as never)).rejects.toThrow('inspect.effect.verb')
    expect(await lengthOf()).toBe(1)
  })

  it('ONCE-1: an order that was given before would change nothing, also where its event is older than the stored state', async () => {
    const kept = keepingStates(createMemoryStore(), (version) => version === 3)
    const { store, taken } = counting(kept)
    const { engine } = await given(store)
    const shift = { ...order, by: 'P2D', commandId: 'k1' }
    orThrow(await engine.shiftRun(shift))
    orThrow(await engine.shiftRun({ ...order, by: 'P1D' }))
    taken()
    expect(orThrow(await engine.inspect.effect('shiftRun', shift)).changes).toEqual([])
    expect(taken()).toBeGreaterThan(1)
    const stopped = orThrow(await engine.inspect.effect('stopSequence', order))
    expect(inWords(stopped)).toEqual(['Nothing more is to come of course/s, run 1'])
  })

  it('FACTS-1: without the directory a verb that reads facts fails, and of any other the schedule is told without them', async () => {
    let isDown = false
    const { engine } = await given(undefined, () => {
      if (isDown) throw new TypeError('down')
      return {}
    })
    isDown = true
    const cancelled = orThrow(await engine.inspect.effect('skipStep', { ...order, stepId: 'a' }))
    expect(cancelled.factsFault).toBeDefined()
    await expect(engine.inspect.effect('rescheduleStep', { ...order, stepId: 'a', dueAt: THURSDAY })).rejects.toThrow()
  })
})
