/** What an erasure returns of the values that remain in the contact's stream (ERASE-1). */
import { HELD_VALUES, type HeldValues, heldInWords } from '@enfold/core'
import { createEngine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { answerOf, MONDAY, until } from './engine.fixture.ts'
import { closingAfterEach } from './store.fixture.ts'

const campaign = {
  id: 'pool',
  fields: { income: { private: true } },
  goals: [
    {
      id: 'asked',
      when: { kind: 'asked' },
      next: [
        {
          to: 'nurture',
          if: { all: [{ tag: 'customer' }, { field: 'city', equals: 'Ulm' }, { field: 'income', atLeast: 1 }] },
        },
      ],
    },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'hello', kind: 'email', if: { tag: 'swims' } },
        { id: 'hi', kind: 'email', if: { tag: 'customer' } },
        { id: 'gone', kind: 'sms' },
        { id: 'no', kind: 'letter' },
        {
          id: 'birthday',
          kind: 'email',
          timer: { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'exact' },
        },
      ],
    },
    { id: 'slow', steps: [{ id: 'one', kind: 'slow' }] },
  ],
}
const none = Object.fromEntries(HELD_VALUES.map((kind) => [kind, 0]))
const facts = {
  timeZone: 'Europe/Berlin',
  tags: ['customer'],
  fields: { city: 'Ulm', income: 90_000, birthday: '2020-02-29' },
}

const closing = closingAfterEach()

async function given(handlers: EngineOptions['handlers']) {
  const engine = createEngine({
    store: createMemoryStore(),
    clock: createSimulatedClock(MONDAY),
    contacts: { get: () => facts },
    handlers,
  })
  closing(engine)
  await answerOf(engine.publish(campaign))
  return engine
}

const handlers = {
  email: () => ({ outcome: 'sent', receipt: 'mail to ada@people.example' }) as const,
  sms: () => ({ outcome: 'failed', reason: 'no number of Ada', permanent: true }) as const,
  letter: () => ({ outcome: 'skipped', reason: 'Ada moved' }) as const,
}

it('ERASE-1: the answer counts every kind of value of the host in the stream, each value once', async () => {
  const engine = await given(handlers)
  const ada = { contactId: 'ada', actor: 'olga' }
  await answerOf(engine.signal({ ...ada, kind: 'asked', data: { name: 'Ada' }, signalId: 'Ada-7' }))
  await engine.runDue()
  const pause = { ...ada, campaignId: 'pool', sequenceId: 'slow' }
  await answerOf(engine.startSequence({ ...pause, commandId: 'start-Ada', reason: 'Ada called' }))
  await answerOf(engine.pauseSequence({ ...pause, actor: 'ben', reason: 'Ada called' }))
  const { actionId } = await answerOf(
    engine.processAction({
      action: 'stop',
      campaignId: 'pool',
      sequenceId: 'slow',
      actor: 'olga',
      actionId: 'friends-of-Ada',
      contacts: { ids: ['ada'] },
    }),
  )
  await until(async () => (await engine.inspect.action(actionId))?.state === 'done')
  const { holds } = await answerOf(engine.erase({ ...ada, actor: 'zoe', reason: 'as Ada asked' }))
  expect(holds).toEqual({
    ...none,
    reasons: 2,
    actors: 3,
    commandIds: 1,
    signalIds: 1,
    actionIds: 1,
    receipts: 1,
    handlerReasons: 2,
    tags: 2,
    fields: 1,
    tests: 1,
    dates: 1,
    timeZones: 1,
    dataDigests: 1,
  })
  expect(heldInWords(holds as HeldValues)).toContain('3 actors, 1 command id, 1 signal id')
  // What the engine itself gives as a reason is no value of the host's.
  expect(await engine.inspect.history('ada')).toContainEqual(
    expect.objectContaining({ type: 'StepSkipped', data: expect.objectContaining({ reason: 'past' }) }),
  )
})

it('ERASE-1, ONCE-1: the same erasure again gives the same counts, whatever was recorded since', async () => {
  let end = (_: { outcome: 'sent'; receipt: string }) => {}
  let begun = () => {}
  const begins = new Promise<void>((resolve) => {
    begun = resolve
  })
  const slow = () => {
    begun()
    return new Promise<{ outcome: 'sent'; receipt: string }>((resolve) => {
      end = resolve
    })
  }
  const engine = await given({ ...handlers, slow })
  await answerOf(engine.startSequence({ contactId: 'ada', campaignId: 'pool', sequenceId: 'slow', actor: null }))
  const running = engine.runDue()
  await begins
  const order = { contactId: 'ada', actor: 'olga', commandId: 'erase-ada' }
  const first = await answerOf(engine.erase(order))
  expect(first).toMatchObject({ outcome: 'erased', holds: { ...none, actors: 1, commandIds: 1 } })
  end({ outcome: 'sent', receipt: 'r-1' })
  await running
  expect((await engine.inspect.history('ada')).at(-1)).toMatchObject({ type: 'StepSent', data: { receipt: 'r-1' } })
  expect(await answerOf(engine.erase(order))).toEqual(first)
})

it('ERASE-1: no value is counted if the host named nobody and nothing', async () => {
  const engine = await given(handlers)
  await answerOf(engine.startSequence({ contactId: 'ada', campaignId: 'pool', sequenceId: 'slow', actor: null }))
  const { holds } = await answerOf(engine.erase({ contactId: 'ada', actor: null }))
  expect(holds).toEqual(none)
  expect(heldInWords(holds as HeldValues)).toBe('')
})
