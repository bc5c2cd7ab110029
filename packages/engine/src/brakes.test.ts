import { createEngine, type Engine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { answerOf, MONDAY } from './engine.fixture.ts'

it('BRAKE-1: two campaigns whose steps signal each other come to an end, and health and the observer say why', async () => {
  const clock = createSimulatedClock(MONDAY)
  const store = createMemoryStore()
  const braked: string[] = []
  let calls = 0
  // The handler of each step signals what starts the other campaign.
  const engine: Engine = createEngine({
    store,
    clock,
    observe: (event) => void (event.type === 'start-braked' && braked.push(`${event.campaignId}/${event.sequenceId}`)),
    handlers: {
      async note({ contactId, campaignId }) {
        calls += 1
        await engine.signal({ contactId, kind: campaignId === 'ping' ? 'pong' : 'ping', fromStep: true })
        return { outcome: 'sent' }
      },
    },
  })
  for (const id of ['ping', 'pong'])
    await answerOf(
      engine.publish({
        id,
        brake: 10,
        goals: [{ id: 'told', when: { kind: id }, next: ['say'] }],
        sequences: [{ id: 'say', steps: [{ id: 'one', kind: 'note' }] }],
      }),
    )
  expect((await engine.health()).brakes).toEqual({ count: 0, lastAt: null })
  await answerOf(engine.signal({ contactId: 'ann', kind: 'ping' }))
  await engine.runDue()
  expect(calls).toBe(20)
  expect(braked).toEqual(['ping/say'])
  expect((await engine.health()).brakes).toEqual({ count: 1, lastAt: MONDAY })
  await engine.close()
})
