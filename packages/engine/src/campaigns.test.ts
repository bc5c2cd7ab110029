import type { EventStore, RecordedEvent } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { describe, expect, it } from 'vitest'
import { createCampaigns } from './campaigns.ts'
import { answerOf, createGate, pool } from './engine.fixture.ts'
import { createEngine } from './engine.ts'

/** A log whose first answer is on its way until the gate opens, and a catalogue that reads it. */
function given() {
  const store = createMemoryStore()
  const gate = createGate()
  const looks: number[] = []
  const slow: EventStore = {
    ...store,
    async *readAll(after, filter) {
      looks.push(looks.length)
      const isFirst = looks.length === 1
      const seen: RecordedEvent[] = []
      for await (const event of store.readAll(after, filter)) seen.push(event)
      if (isFirst) await gate.passed
      yield* seen
    },
  }
  const publish = async () => answerOf(createEngine({ store, handlers: {} }).publish(pool))
  return { campaigns: createCampaigns(slow, 60_000), gate, looks, publish }
}

describe('the catalogue of campaigns', () => {
  it('VERSION-1: a question during a look waits for the next one, which sees what was published meanwhile', async () => {
    const { campaigns, gate, looks, publish } = given()
    const early = campaigns.refresh()
    while (looks.length === 0) await new Promise(setImmediate)
    await publish()
    const late = campaigns.refresh()
    gate.open()
    await early
    expect(campaigns.catalog.find('pool')).toBeUndefined()
    await late
    expect(campaigns.catalog.find('pool')).toMatchObject({ version: 1 })
    expect(looks).toHaveLength(2)
  })

  it('the catalogue looks once for all who ask in the same turn, and not again while the last look is fresh', async () => {
    const { campaigns, gate, looks } = given()
    gate.open()
    await Promise.all([campaigns.refresh(), campaigns.refresh(), campaigns.refresh()])
    await campaigns.fresh()
    expect(looks).toHaveLength(1)
  })
})
