import { fold, foldedState, type RecordedContactEvent, type StoredState } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { createContext } from './create-context.ts'
import { answerOf, MONDAY } from './engine.fixture.ts'
import { execute } from './execute.ts'
import { createLargeStates } from './large-states.ts'
import { asHostsUseIt, closingAfterEach } from './store.fixture.ts'

const closing = closingAfterEach()

const shop = {
  id: 'shop',
  brake: 1000,
  goals: [],
  sequences: [
    {
      id: 'cart',
      per: 'order',
      vars: { order: { data: 'order' } },
      steps: [{ id: 'one', kind: 'email', timer: { after: 'P1D' } }],
    },
  ],
}
const cart = (key: string) => ({ contactId: 'ann', campaignId: 'shop', sequenceId: 'cart', actor: 'anna', key })

async function started(engine: Engine, count: number): Promise<readonly RecordedContactEvent[]> {
  await answerOf(engine.publish(shop))
  for (let i = 0; i < count; i++) await answerOf(engine.startSequence(cart(`k${i}`)))
  return engine.inspect.history('ann')
}

function given() {
  const store = closing(createMemoryStore())
  const clock = createSimulatedClock(MONDAY)
  const make = () =>
    closing(asHostsUseIt(createEngine({ store, clock, handlers: { email: () => ({ outcome: 'sent' }) } }), store))
  return { store, clock, make }
}

describe('contacts with a large state', () => {
  it('LOG-5: another process that writes in between is seen, and so is an erasure', async () => {
    const { store, clock, make } = given()
    const [one, other] = [make(), make()]
    await started(one, 70)
    const { text = '' } = (await store.states(['ann'])).get('ann') ?? {}
    expect(text.length).toBeGreaterThan(16_384)
    for (let i = 0; i < 8; i++) {
      const [first, second] = i % 2 === 0 ? [one, other] : [other, one]
      await answerOf(first.stopSequence(cart(`k${i}`)))
      expect(await answerOf(second.stopSequence(cart(`k${i}`)))).toMatchObject({ outcome: 'not_active' })
      await answerOf(second.startSequence(cart(`more ${i}`)))
    }
    await clock.advance('P2D')
    expect(await one.runDue()).toMatchObject({ sent: 70, completed: 70 })
    await answerOf(other.erase({ contactId: 'ann', actor: 'anna' }))
    expect(await one.startSequence(cart('late'))).toMatchObject({ left: { type: 'ContactErased' } })
  })

  it('a contact is known while its text and its events are the same, and the longest unseen makes room', async () => {
    const history = await started(given().make(), 3)
    const stored = { version: 2, ...foldedState(fold(history.slice(0, 2)), history[1]?.id ?? '') }
    const tail = history.slice(1)
    const state = { state: fold(history), alongside: null }
    const large = createLargeStates(1, 2 * stored.text.length)
    const known = (contactId: string, at = stored, events = tail) => large.of(contactId, at, events)?.count ?? null
    for (const contactId of ['a', 'b']) large.keep(contactId, stored, tail, state)
    expect(['a', 'b', 'c'].map((one) => known(one))).toEqual([2, 2, null])
    large.keep('c', stored, tail, state)
    expect(['a', 'b', 'c'].map((one) => known(one))).toEqual([null, 2, 2])
    const another = tail.map((event) => ({ ...event, id: `${event.id}!` }))
    expect([known('b', stored, another), known('b')]).toEqual([null, null])
    expect([known('c', { ...stored, text: 'other' }), known('c')]).toEqual([null, null])
    large.keep('c', stored, tail, { ...state, state: { ...state.state, erased: true } })
    expect(known('c')).toBeNull()
  })

  it('ERASE-1: once a contact is erased, its state is in memory no longer', async () => {
    const { clock, make, store } = given()
    await started(make(), 70)
    const context = createContext(
      { store, handlers: {} },
      { clock, observe() {}, wakeUp() {}, contactsTimeoutMs: 1000, gateMs: 2000, readModel: null },
    )
    const { stored, version } = await context.loggedOf('ann', [])
    const kept = (await store.states(['ann'])).get('ann') as StoredState
    const tail = (await context.historyOf('ann')).slice(stored.version - 1)
    expect(context.largeStates.of('ann', kept, tail)).toMatchObject({ state: { state: { version, erased: false } } })
    await execute(context, {
      type: 'EraseContact',
      contactId: 'ann',
      commandId: 'k',
      cause: { by: 'operator' },
      actor: 'anna',
    })
    expect(context.largeStates.of('ann', kept, tail)).toBeNull()
  })
})
