import type { Store } from '@enfold/core'
import { describe, expect, it } from 'vitest'
import { answerOf, onAnn, pool, rejectionOf } from './engine.fixture.ts'
import { heldBack, severalEngines } from './several-engines.fixture.ts'

const { stores, given } = severalEngines()
const nurture = onAnn('nurture')
const STOP_ALL = { actor: 'olga', commandId: 'u', stopRuns: true }

describe.each(Object.entries(stores))('on %s', (name, makeStore) => {
  it('VERSION-3: a run is stopped once, also if the reply was lost', async () => {
    const { engine, recorder } = given(makeStore)
    await answerOf(engine.publish(pool))
    for (const contactId of ['ann', 'bob']) await answerOf(engine.startSequence({ ...nurture, contactId }))
    expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject({ outcome: 'unpublished', stopped: 2 })
    expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject({ outcome: 'unpublished', stopped: 0 })
    await engine.runDue()
    expect(recorder.calls).toEqual([])
  })

  it('VERSION-3: runs are stopped also if nothing feeds the index', async () => {
    const { engineOver, store } = given(makeStore)
    const alone = engineOver(store)
    await answerOf(alone.publish(pool))
    await answerOf(alone.startSequence(nurture))
    expect(await answerOf(alone.unpublish('pool', STOP_ALL))).toMatchObject({ outcome: 'unpublished', stopped: 1 })
  })

  it('VERSION-3: the same command id again stops nobody who came by a later publication', async () => {
    const { engine } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.unpublish('pool', STOP_ALL))
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject({ version: 1, stopped: 0 })
    expect((await engine.inspect.history('ann')).map(({ type }) => type)).toEqual(['SequenceStarted'])
  })

  it('VERSION-3, ONCE-1: a command id that found the campaign unpublished leaves a later publication alone', async () => {
    const { engine } = given(makeStore)
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence(nurture))
    await answerOf(engine.unpublish('pool', { actor: 'olga' }))
    expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject({ outcome: 'not_published', stopped: 1 })
    expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject({ outcome: 'not_published', stopped: 0 })
    await answerOf(engine.publish(pool))
    await answerOf(engine.startSequence({ ...nurture, contactId: 'bob' }))
    const again = { outcome: 'not_published', version: 1, stopped: 0 }
    expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject(again)
    expect(await rejectionOf(engine.unpublish('pool', { actor: 'olga', commandId: 'u' }))).toMatchObject({
      type: 'CommandIdReused',
      usedFor: 'CampaignUnchanged',
    })
    await answerOf(engine.startSequence({ ...nurture, contactId: 'cem' }))
    expect(await engine.inspect.contactsInSequence({ campaignId: 'pool', sequenceId: 'nurture' })).toMatchObject({
      total: 2,
    })
  })

  it('VERSION-3: a worker that knows an old catalogue starts nothing by a route', async () => {
    const { engine, engineOver, store, clock, recorder } = given(makeStore)
    const chain = {
      id: 'chain',
      goals: [],
      sequences: [
        { id: 'first', steps: [{ id: 'one', kind: 'email', timer: { after: 'PT1H' } }], next: ['second'] },
        { id: 'second', steps: [{ id: 'two', kind: 'email' }] },
      ],
    }
    await answerOf(engine.publish(chain))
    const order = { contactId: 'ann', campaignId: 'chain', sequenceId: 'first', actor: null }
    const worker = engineOver(store, { campaignRefreshMs: 86_400_000, gateMs: 2 })
    await answerOf(worker.startSequence(order))
    clock.advance('PT2H')
    await answerOf(engine.unpublish('chain', { actor: null }))
    await worker.runDue()
    expect(recorder.calls.map(({ step }) => step.id)).toEqual(['one'])
    const completed = (await engine.inspect.history('ann')).find(({ type }) => type === 'SequenceCompleted')
    expect(completed?.data).toMatchObject({ routes: [{ to: 'second', outcome: 'not_published' }] })
  })

  if (name !== 'log, memory read model')
    it('VERSION-3: a start that was decided before the unpublishing and comes after its answer is refused', async () => {
      const { engine, engineOver, store } = given(makeStore)
      await answerOf(engine.publish(pool))
      const { held, reached, letGo } = heldBack(store)
      const late = engineOver(held).startSequence(nurture)
      await reached
      expect(await answerOf(engine.unpublish('pool', STOP_ALL))).toMatchObject({ stopped: 0 })
      letGo()
      expect(await rejectionOf(late)).toEqual({ type: 'CampaignNotPublished', campaignId: 'pool' })
      expect(await engine.inspect.history('ann')).toEqual([])
    })

  it('VERSION-1: a start that was decided before a publication runs in the version that is published', async () => {
    const { engine, engineOver, store } = given(makeStore)
    await answerOf(engine.publish(pool))
    const { held, reached, letGo } = heldBack(store)
    const late = engineOver(held).startSequence(nurture)
    await reached
    await answerOf(engine.publish({ ...pool, name: 'Two' }))
    letGo()
    await answerOf(late)
    const [started] = await engine.inspect.history('ann')
    expect(started?.data).toMatchObject({ campaignVersion: name === 'log, memory read model' ? 1 : 2 })
  })
})

it('VERSION-3: with a log that checks nothing, what was on its way within gateMs is stopped too', async () => {
  const { engine, engineOver, store } = given(stores['log, memory read model'] as () => Store, { gateMs: 1000 })
  await answerOf(engine.publish(pool))
  const { held, reached, letGo } = heldBack(store)
  const late = engineOver(held).startSequence(nurture)
  await reached
  const unpublishing = engine.unpublish('pool', STOP_ALL)
  letGo()
  await answerOf(late)
  expect(await answerOf(unpublishing)).toMatchObject({ outcome: 'unpublished', stopped: 1 })
})

it('VERSION-3: a contact that takes longer to read than a view of the campaign may be old is read once', async () => {
  const { engine, engineOver, store } = given(stores['log, memory read model'] as () => Store)
  await answerOf(engine.publish(pool))
  let reads = 0
  const slow: Store = {
    ...store,
    async readMany(streams) {
      reads += 1
      const since = performance.now()
      while (performance.now() - since < 5);
      return store.readMany(streams)
    },
  }
  expect(await answerOf(engineOver(slow, { gateMs: 2 }).startSequence(nurture))).toMatchObject({ outcome: 'started' })
  expect(reads).toBe(1)
})
