import { campaign, contactStream, orThrow, type Store, tagOf } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { createEngine } from './index.ts'

const pool = campaign({ id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] })
const onAnn = { contactId: 'ann', campaignId: 'pool', sequenceId: 'nurture', actor: 'olga' }

/** Two contacts with rows that are not what the log says, and an engine that reads the log through `watched`. */
async function given(watched: (store: Store) => Partial<Store>) {
  const store = createMemoryStore()
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const engineOn = (one: Store) => createEngine({ store: one, clock, handlers: { email: () => ({ outcome: 'sent' }) } })
  const engine = engineOn(store)
  orThrow(await engine.publish(pool))
  for (const contactId of ['ann', 'bob']) {
    orThrow(await engine.startSequence({ ...onAnn, contactId }))
    await store.restore({ contactId, version: 1, tags: [tagOf('pool', 'vip')], wakeAt: null })
  }
  return { engine, rebuilding: engineOn({ ...store, ...watched(store) }) }
}

it('INDEX-3: rebuildIndex reads the log once, and no stream', async () => {
  let logs = 0
  const streams: string[] = []
  const { engine, rebuilding } = await given((store) => ({
    readAll(after, filter) {
      if (filter?.streams === 'contacts') logs += 1
      return store.readAll(after, filter)
    },
    readMany(asked) {
      streams.push(...asked)
      return store.readMany(asked)
    },
  }))
  expect((await engine.verifyIndex()).differences).toHaveLength(2)
  expect(await rebuilding.rebuildIndex()).toEqual({ contacts: 2 })
  expect({ logs, streams }).toEqual({ logs: 1, streams: [] })
  expect((await engine.verifyIndex()).differences).toEqual([])
  expect(await engine.runDue()).toMatchObject({ dispatched: 2 })
})

it('INDEX-3: a contact that moves on while rebuildIndex reads the log is set to what its stream says', async () => {
  const streams: string[] = []
  const { engine, rebuilding } = await given((store) => ({
    async *readAll(after, filter) {
      yield* store.readAll(after, filter)
      if (filter?.streams === 'contacts') orThrow(await engine.stopSequence(onAnn))
    },
    readMany(asked) {
      streams.push(...asked)
      return store.readMany(asked)
    },
  }))
  expect(await rebuilding.rebuildIndex()).toEqual({ contacts: 2 })
  expect(streams).toEqual([contactStream('ann')])
  expect(await engine.verifyIndex()).toMatchObject({ contacts: 2, differences: [], counters: [], states: [] })
  expect(await engine.inspect.sequencesOf('ann')).toEqual([])
  expect(await engine.runDue()).toMatchObject({ dispatched: 1 })
})
