/**
 * Runs that cannot be planned: what stands in the log was published by a release that was less strict. Nothing that
 * happened may be lost for it, and nobody else may wait for it.
 */
import { type CampaignDefinition, campaignStream, eventIdOf, SCHEMA_VERSION } from '@enfold/core'
import { createEngine, type EngineEvent } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { answerOf, createRecorder, eventsOf, MONDAY, typesOf } from './engine.fixture.ts'
import { combineStores, readingItsWrites } from './log.fixture.ts'

/** As it stands in the log: a month has no fixed length, and is refused today. */
const definition: CampaignDefinition = {
  id: 'old',
  goals: [],
  sequences: [
    {
      id: 'broken',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1M' } },
      ],
    },
    {
      id: 'sound',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
      ],
    },
  ],
}

async function given(store: ReturnType<typeof combineStores> | ReturnType<typeof createMemoryStore>) {
  const stream = campaignStream('old')
  await store.append(
    stream,
    [
      {
        type: 'CampaignPublished',
        data: { campaignId: 'old', campaignVersion: 1, definition },
        id: eventIdOf(stream, 'p', 0),
        schema: SCHEMA_VERSION,
        at: MONDAY,
        commandId: 'p',
        correlationId: 'p',
        causationId: 'p',
        actor: null,
        cause: { by: 'operator' },
      },
    ],
    'no-stream',
  )
  const told: EngineEvent[] = []
  const email = createRecorder()
  const clock = createSimulatedClock(MONDAY)
  const observe = (event: EngineEvent) => void told.push(event)
  const made = createEngine({ store, clock, handlers: { email: email.handler }, observe })
  const engine = store.capabilities.projectsInAppend ? made : readingItsWrites(made)
  const of = (sequenceId: string) => ({ contactId: 'ann', campaignId: 'old', sequenceId, actor: 'olga' })
  return { engine, clock, email, told, store, of }
}

describe.each([
  ['one store', createMemoryStore],
  ['a log with a read model of its own', () => combineStores(createMemoryStore(), createMemoryStore())],
])('given a run that cannot be planned, on %s', (_, makeStore) => {
  it('TIME-5: what the handler answered is recorded, once, and what is wrong is told', async () => {
    const { engine, clock, email, told, store, of } = await given(makeStore())
    expect(await answerOf(engine.startSequence(of('broken')))).toMatchObject({ outcome: 'started' })
    expect(await engine.runDue()).toMatchObject({ dispatched: 1, sent: 1 })
    expect(await typesOf(engine)).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent'])
    for (let hour = 0; hour < 5; hour++) {
      clock.advance('PT1H')
      await engine.runDue()
    }
    expect(email.calls).toHaveLength(1)
    // Observers see it, and it is on the agenda: to be looked at again, and nothing is known to be due.
    expect(told).toContainEqual(
      expect.objectContaining({
        type: 'contact-not-planned',
        contactId: 'ann',
        run: { campaignId: 'old', sequenceId: 'broken', run: 1 },
        error: expect.objectContaining({ message: expect.stringContaining('timer.after is "P1M"') }),
      }),
    )
    expect(told.filter(({ type }) => type === 'contact-failed')).toEqual([])
    expect(await store.nextWake()).toBe('2026-03-02T15:00:00.000Z')
  })

  it('STEP-7: the contact’s other sequences go on, and orders are carried out', async () => {
    const { engine, clock, email, of } = await given(makeStore())
    await answerOf(engine.startSequence(of('broken')))
    await answerOf(engine.startSequence(of('sound')))
    await engine.runDue()
    clock.advance('P1D')
    await engine.runDue()
    expect(email.calls.map(({ sequenceId, step }) => [sequenceId, step.id])).toEqual([
      ['broken', 'one'],
      ['sound', 'one'],
      ['sound', 'two'],
    ])
    expect(await eventsOf(engine, 'SequenceCompleted')).toMatchObject([{ data: { sequenceId: 'sound' } }])
    expect((await engine.inspect.contact('ann')).enrollments).toMatchObject([
      { sequenceId: 'broken', status: 'active', next: null },
      { sequenceId: 'sound', status: 'completed' },
    ])
    expect(await answerOf(engine.stopSequence(of('broken')))).toMatchObject({ outcome: 'stopped' })
    expect((await engine.runDue()).wakeAt).toBeNull()
  })
})

describe('given a contact whose zone is an abbreviation', () => {
  it('TIME-5: the mail before the step that needs a zone is sent once, and its outcome is recorded', async () => {
    const clock = createSimulatedClock(MONDAY)
    const email = createRecorder()
    const engine = createEngine({
      store: createMemoryStore(),
      clock,
      handlers: { email: email.handler },
      contacts: { get: () => ({ timeZone: 'PST' }) },
    })
    const steps = [
      { id: 'one', kind: 'email' },
      { id: 'two', kind: 'email', timer: { afterDays: 1, at: '08:00' } },
    ]
    await answerOf(engine.publish({ id: 'c', timeZone: 'America/Chicago', goals: [], sequences: [{ id: 's', steps }] }))
    await answerOf(engine.startSequence({ contactId: 'ann', campaignId: 'c', sequenceId: 's', actor: 'olga' }))
    await engine.runDue()
    expect(email.calls).toHaveLength(1)
    clock.set('2026-03-03T14:00:00.000Z')
    await engine.runDue()
    expect(await eventsOf(engine, 'StepSent')).toHaveLength(2)
    expect((await eventsOf(engine, 'StepDispatched'))[1]?.data.timing).toMatchObject({
      timeZone: 'America/Chicago',
      invalidTimeZone: 'PST',
    })
  })
})
