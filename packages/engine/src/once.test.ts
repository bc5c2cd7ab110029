/** One id, one order (ONCE-1), and ids that are the engine's own: on a memory store; stores keep what an event carries. */
import { derivedCommandId, describeRejection, type Store } from '@enfold/core'
import { createEngine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { answerOf, createRecorder, eventsOf, MONDAY, onAnn, pool, rejectionOf, typesOf } from './engine.fixture.ts'
import { closingAfterEach } from './store.fixture.ts'

const ann = { contactId: 'ann', actor: 'olga' }
const nurture = onAnn('nurture')

const closing = closingAfterEach()

async function given(store: Store = createMemoryStore(), more: Partial<EngineOptions> = {}) {
  const clock = createSimulatedClock(MONDAY)
  const engine = createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) }, ...more })
  closing(engine)
  await answerOf(engine.publish(pool))
  return { engine, store, clock }
}

async function eventsIn(store: Store): Promise<readonly string[]> {
  const types: string[] = []
  for await (const { type } of store.readAll()) types.push(type)
  return types
}

/** Between the look of one command and its append, another process does something. */
function withInterruption(store: Store, interruption: () => Promise<unknown>): Store {
  let interrupted = false
  return {
    ...store,
    async appendMany(appends) {
      if (!interrupted) {
        interrupted = true
        await interruption()
      }
      return store.appendMany(appends)
    },
  }
}

it('ONCE-1: a signal id given again with another kind or other data is refused, and no purchase is taken for a signup', async () => {
  const { engine } = await given()
  await answerOf(engine.signal({ ...ann, kind: 'form-submitted', data: { form: 'guide' }, signalId: 'order-7' }))
  const reused = { type: 'CommandIdReused', commandId: derivedCommandId('signal', 'order-7'), signalId: 'order-7' }
  const rejection = await rejectionOf(engine.signal({ ...ann, kind: 'purchased', signalId: 'order-7' }))
  expect(rejection).toMatchObject(reused)
  expect(describeRejection(rejection)).toBe(
    'The signal id "order-7" was used before, for GoalSatisfied, SequenceStarted. Use a new one for another signal.',
  )
  const otherData = { ...ann, kind: 'form-submitted', data: { form: 'other' }, signalId: 'order-7' }
  expect(await rejectionOf(engine.signal(otherData))).toMatchObject(reused)
  expect(await typesOf(engine)).toEqual(['GoalSatisfied', 'SequenceStarted'])
})

it('ONCE-1: a restart and then a stop with one id: the stop is refused, not answered as done', async () => {
  const { engine } = await given()
  await answerOf(engine.startSequence(nurture))
  await answerOf(engine.restartSequence({ ...nurture, commandId: 'k' }))
  const reused = { type: 'CommandIdReused', commandId: 'k', usedFor: 'SequenceStopped, SequenceStarted' }
  expect(await rejectionOf(engine.stopSequence({ ...nurture, commandId: 'k' }))).toEqual(reused)
})

it('ONCE-1: two processes with one id and two orders at once: one is done, the other refused', async () => {
  const { engine, store, clock } = await given()
  await answerOf(engine.startSequence(nurture))
  const interrupted = withInterruption(store, () => engine.pauseSequence({ ...nurture, commandId: 'k' }))
  const slow = createEngine({ store: interrupted, clock, handlers: {} })
  closing(slow)
  expect(await rejectionOf(slow.stopSequence({ ...nurture, commandId: 'k' }))).toMatchObject({
    type: 'CommandIdReused',
    usedFor: 'SequencePaused',
  })
  expect(await typesOf(engine)).toEqual(['SequenceStarted', 'SequencePaused'])
})

it('ONCE-1: an unpublishing with stops is another order than one without', async () => {
  const { engine } = await given()
  const order = { actor: 'olga', commandId: 'u' }
  await answerOf(engine.unpublish('pool', order))
  expect(await rejectionOf(engine.unpublish('pool', { ...order, stopRuns: true }))).toMatchObject({
    type: 'CommandIdReused',
    usedFor: 'CampaignUnpublished',
  })
})

it('ONCE-1: a publishing that changed nothing changes nothing later, where its id was given', async () => {
  const { engine } = await given()
  const two = { ...pool, name: 'Two', revision: 2 }
  const order = { actor: 'olga', commandId: 'p' }
  expect(await answerOf(engine.publish(pool, order))).toMatchObject({ outcome: 'unchanged', version: 1 })
  await answerOf(engine.publish(two))
  // Without its id in the log, this would publish `pool` again as version 3, had it the revision.
  expect(await answerOf(engine.publish(pool, order))).toMatchObject({ outcome: 'unchanged', version: 1 })
  const late = { actor: 'olga', commandId: 'late' }
  expect(await answerOf(engine.publish(pool, late))).toMatchObject({ outcome: 'superseded', version: 2 })
  await answerOf(engine.publish({ ...two, name: 'Three' }))
  expect(await answerOf(engine.publish(pool, late))).toMatchObject({ outcome: 'superseded', version: 2 })
  expect(await rejectionOf(engine.publish(two, late))).toMatchObject({ usedFor: 'CampaignUnchanged' })
  expect((await engine.inspect.campaigns()).map(({ version }) => version)).toEqual([3])
})

it('ONCE-1: an order on a campaign that changes nothing writes nothing, where its id was drawn', async () => {
  const { engine, store } = await given()
  const before = await eventsIn(store)
  await answerOf(engine.publish(pool))
  await answerOf(engine.publish(pool, { actor: 'olga' }))
  expect(await eventsIn(store)).toEqual(before)
  await answerOf(engine.unpublish('pool', { actor: 'olga' }))
  await answerOf(engine.unpublish('pool', { actor: 'olga' }))
  expect(await eventsIn(store)).toEqual([...before, 'CampaignUnpublished'])
})

it('ONCE-1: two processes with one id that changes nothing: both get the same answer, and it stands once', async () => {
  const { engine, store } = await given()
  const order = { actor: 'olga', commandId: 'p' }
  const answers = await Promise.all([engine.publish(pool, order), engine.publish(pool, order)].map(answerOf))
  expect(answers.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged'])
  expect(await eventsIn(store)).toEqual(['CampaignPublished', 'CampaignUnchanged'])
})

it("ONCE-1: no verb takes an id of the engine's own", async () => {
  const { engine } = await given()
  const commandId = derivedCommandId('signal', 'order-7')
  const orders = [
    () => engine.startSequence({ ...nurture, commandId }),
    () => engine.stopSequence({ ...nurture, commandId }),
    () => engine.restartSequence({ ...nurture, commandId }),
    () => engine.pauseSequence({ ...nurture, commandId }),
    () => engine.resumeSequence({ ...nurture, commandId }),
    () => engine.stopAll({ ...ann, commandId }),
    () => engine.suppress({ ...ann, commandId }),
    () => engine.unsuppress({ ...ann, commandId }),
    () => engine.erase({ ...ann, commandId }),
    () => engine.resendStep({ ...nurture, stepId: 'one', commandId }),
    () => engine.cancelStep({ ...nurture, stepId: 'one', commandId }),
    () => engine.publish(pool, { actor: null, commandId }),
    () => engine.unpublish('pool', { actor: null, commandId }),
  ]
  for (const order of orders)
    await expect(order()).rejects.toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('enfold:') })
  expect(await typesOf(engine)).toEqual([])
})

it('ONCE-1: every command that the engine makes for itself has an id that no caller can give', async () => {
  const recorder = createRecorder()
  const { engine, clock } = await given(createMemoryStore(), { handlers: { email: recorder.handler } })
  await answerOf(engine.signal({ ...ann, kind: 'form-submitted', data: { form: 'guide' }, signalId: 'form-1' }))
  await engine.runDue()
  clock.advance('P1D')
  const action = { action: 'restart', ...nurture, actionId: 'a', contacts: { ids: ['ann'] } } as const
  const { contactId: _, ...order } = action
  await answerOf(engine.processAction(order))
  await engine.runDue()
  await answerOf(engine.unpublish('pool', { actor: 'olga', commandId: 'u', stopRuns: true }))
  const ids = (await engine.inspect.history('ann')).map(({ commandId }) => commandId)
  expect(new Set(ids.map((id) => id.split(':').slice(0, 2).join(':')))).toEqual(
    new Set(['enfold:signal', 'enfold:due', 'enfold:outcome', 'enfold:bulk', 'enfold:unpublish']),
  )
  // As an attacker with the right to pause would: the id of the outcome, seen or made.
  for (const event of await eventsOf(engine, 'StepSent'))
    await expect(engine.pauseSequence({ ...nurture, commandId: event.commandId })).rejects.toThrow('enfold:')
  expect(recorder.calls).toHaveLength(2)
})
