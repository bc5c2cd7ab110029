import { type Facts, isRight, type RecordedEvent, type StepHandler } from '@enfold/core'
import { decodeEvent, encodeEvent } from '@enfold/core/log'
import { createEngine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { MONDAY, onAnn, pool } from './engine.fixture.ts'
import { createWakeSignal } from './wake-signal.ts'

const sent: StepHandler = () => ({ outcome: 'sent' })

async function given(more: Partial<EngineOptions> = {}) {
  const clock = createSimulatedClock(MONDAY)
  const store = more.store ?? createMemoryStore()
  const engine = createEngine({ store, clock, handlers: { email: sent, task: sent }, ...more })
  await engine.publish(pool)
  return { engine, store, clock }
}

describe('given a directory of contacts', () => {
  it('START-6: a command ends in a fault if the directory never answers, and nothing is written', async () => {
    const { engine } = await given({ contacts: { get: () => new Promise(() => {}) }, contactsTimeoutMs: 20 })
    await expect(engine.startSequence(onAnn('nurture'))).rejects.toMatchObject({ code: 'DIRECTORY_SILENT' })
    expect(await engine.inspect.history('ann').catch((error) => error)).toEqual([])
  })

  it('STEP-7: the dispatcher goes on with the others if the directory never answers for one contact, and comes to an end', async () => {
    const silent = new Set<string>()
    const mailed: string[] = []
    const { engine } = await given({
      contacts: { get: (id) => (silent.has(id) ? new Promise<Facts>(() => {}) : {}) },
      contactsTimeoutMs: 20,
      handlers: {
        email({ contactId }) {
          mailed.push(contactId)
          return { outcome: 'sent' }
        },
      },
    })
    for (const contactId of ['ann', 'bob']) await engine.startSequence({ ...onAnn('nurture'), contactId })
    silent.add('ann')
    expect(await engine.runDue()).toMatchObject({ sent: 1 })
    expect(mailed).toEqual(['bob'])
    await engine.close()
  })

  it('START-6: a directory that can give many at once is asked once for what is wanted at the same time', async () => {
    const asked: (readonly string[])[] = []
    const { engine } = await given({
      contacts: {
        get: () => null,
        getMany(ids) {
          asked.push(ids)
          return new Map(ids.filter((id) => id !== 'nobody').map((id) => [id, {}]))
        },
      },
    })
    const start = (contactId: string) => engine.startSequence({ ...onAnn('nurture'), contactId })
    const [ann, bob, nobody] = await Promise.all([start('ann'), start('bob'), start('nobody')])
    expect([isRight(ann), isRight(bob)]).toEqual([true, true])
    expect(nobody).toMatchObject({ left: { type: 'ContactUnknown' } })
    expect(asked.flat().sort()).toEqual(['ann', 'bob', 'nobody'])
    expect(asked.length).toBeLessThan(3)
  })

  it.each([
    ['a bigint', 1n],
    ['a date', new Date(0)],
    ['a function', () => 1],
    ['no number', Number.NaN],
  ])('LOG-4: a directory with %s in a field is refused by name', async (_, value) => {
    const facts = { fields: { spend: value } } as unknown as Facts
    const { engine } = await given({ contacts: { get: () => facts } })
    await expect(engine.startSequence(onAnn('nurture'))).rejects.toMatchObject({
      code: 'FACTS_UNREADABLE',
      details: { path: 'contacts.get("ann").fields["spend"]' },
    })
  })

  it('START-6: a directory with something else than a function is refused when the engine is made', async () => {
    const contacts = { get: () => null, search: 'no' } as unknown as NonNullable<EngineOptions['contacts']>
    await expect(given({ contacts })).rejects.toThrow(/createEngine\.contacts\.search/)
  })
})

it.each([
  ['a Map', new Map([['form', 'guide']])],
  ['a Set', new Set(['guide'])],
  ['a Date', new Date(0)],
])('GOAL-1: %s as the data of a signal is refused by its type, and nothing is written', async (what, data) => {
  const { engine } = await given({})
  const signal = { contactId: 'ann', kind: 'form-submitted', data } as never
  await expect(engine.signal(signal)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `signal.data is ${what}; expected a plain JSON object, as Object.fromEntries makes one.`,
  })
  expect(await engine.inspect.history('ann')).toEqual([])
})

it.each([
  ['a Map', { items: [{ 'a b': new Map([['form', 'guide']]) }] }, 'signal.data.items[0]["a b"] is a Map; expected'],
  ['no number', { total: Number.NaN }, 'signal.data.total is a number that is not finite; expected'],
  ['a bigint', { order: { id: 7n } }, 'signal.data.order.id is a bigint; expected'],
  ['nothing in a list', { tags: ['a', undefined] }, 'signal.data.tags[1] is nothing; expected'],
])(
  'GOAL-1: %s within the data of a signal is refused with its place, and nothing is written',
  async (_, data, says) => {
    const { engine } = await given({})
    const error = await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: data as never }).catch((e) => e)
    expect(error).toMatchObject({ code: 'INVALID_INPUT' })
    expect(error.message).toContain(says)
    expect(await engine.inspect.history('ann')).toEqual([])
  },
)

it('GOAL-1: an instance of a class is data of a signal', async () => {
  class Submitted {
    readonly form = 'guide'
  }
  const { engine } = await given({})
  const answered = await engine.signal({ contactId: 'ann', kind: 'form-submitted', data: new Submitted() as never })
  expect(isRight(answered)).toBe(true)
})

describe('given hosts that misbehave', () => {
  it('STEP-7: an error that throws when it is looked at is a failure like any other', async () => {
    const { engine } = await given({
      handlers: {
        email() {
          throw Object.defineProperty(new Error('x'), 'name', { value: Symbol('no text') })
        },
      },
    })
    await engine.startSequence(onAnn('onboarding'))
    expect(await engine.runDue()).toMatchObject({ dispatched: 1 })
    expect((await engine.health()).dispatcher.inFlight).toBe(0)
    const failed = (await engine.inspect.history('ann')).find((event) => event.type === 'StepFailed')
    expect(failed?.data).toMatchObject({ reason: 'handler-threw' })
  })

  it('STEP-7: an observer that is async and rejects harms nobody', async () => {
    const rejections: unknown[] = []
    const note = (reason: unknown) => void rejections.push(reason)
    process.on('unhandledRejection', note)
    const { engine } = await given({ observe: async () => Promise.reject(new Error('the host forgot')) })
    await engine.startSequence(onAnn('nurture'))
    await new Promise(setImmediate)
    process.off('unhandledRejection', note)
    expect(rejections).toEqual([])
  })

  it('INDEX-1: a separate read model for a store that has its own, which nothing would feed, is refused', async () => {
    await expect(given({ readModel: createMemoryStore() })).rejects.toThrow(/createEngine\.readModel/)
  })
})

describe('given ids of the greatest length', () => {
  it('LOG-6: what a signal and an unpublishing write can be read back from a line', async () => {
    const { engine, store } = await given()
    const signalId = '\u{1f3ca}'.repeat(200)
    const id = 'x'.repeat(200)
    await engine.signal({ contactId: id, kind: 'form-submitted', data: { form: 'guide' }, signalId })
    await engine.unpublish('pool', { actor: id, commandId: id, stopRuns: true })
    const events: RecordedEvent[] = []
    for await (const event of store.readAll()) events.push(event)
    expect(events.map((event) => event.type)).toContain('SequenceStopped')
    for (const event of events) expect(decodeEvent(encodeEvent(event))).toMatchObject({ right: event })
  })
})

describe('given limits and other work', () => {
  it('STEP-7: a rate that holds one kind back for long does not put off the wake of another', async () => {
    const { engine, clock } = await given({ dispatch: { kinds: { email: { perSecond: 0.01 } } } })
    for (const contactId of ['ann', 'bob']) await engine.startSequence({ ...onAnn('onboarding'), contactId })
    await engine.startSequence({ ...onAnn('vip'), contactId: 'cid' })
    expect(await engine.runDue()).toMatchObject({ dispatched: 1, wakeAt: '2026-03-02T09:01:40.000Z' })
    clock.advance('PT59M59S')
    await engine.runDue()
    expect((await engine.runDue()).wakeAt).toBe('2026-03-02T10:00:00.000Z')
  })
})

describe('given many contacts due at once', () => {
  const everyone = Array.from({ length: 40 }, (_, i) => `c${String(i).padStart(2, '0')}`)

  it('ONCE-3: their dispatches and their outcomes share transactions', async () => {
    const groups: number[] = []
    const inner = createMemoryStore()
    const store = {
      ...inner,
      appendMany(appends: Parameters<typeof inner.appendMany>[0]) {
        groups.push(appends.length)
        return inner.appendMany(appends)
      },
    }
    const { engine } = await given({ store })
    for (const contactId of everyone) await engine.startSequence({ ...onAnn('onboarding'), contactId })
    groups.length = 0
    expect(await engine.runDue()).toMatchObject({ sent: 40 })
    expect(groups.reduce((sum, size) => sum + size, 0)).toBe(80)
    expect(groups.length).toBeLessThan(20)
  })

  it('STEP-7: no more are claimed than there are free slots, so that other workers find the rest', async () => {
    const store = createMemoryStore()
    const waiting: (() => void)[] = []
    const { engine, clock } = await given({
      store,
      dispatch: { concurrency: 3 },
      handlers: {
        email: () =>
          new Promise((resolve) => {
            waiting.push(() => resolve({ outcome: 'sent' }))
          }),
      },
    })
    for (const contactId of everyone) await engine.startSequence({ ...onAnn('onboarding'), contactId })
    const stop = new AbortController()
    const running = engine.run({ signal: stop.signal })
    while (waiting.length < 3) await new Promise(setImmediate)
    const free = await store.claimDue(clock.now(), 'another worker', 1000, 60_000)
    expect(free).toHaveLength(37)
    stop.abort()
    for (const answer of waiting) answer()
    await running
    expect(waiting).toHaveLength(3)
  })
})

describe('given a wake signal', () => {
  it('STEP-7: a waiter that came after the end takes no notification from the next', async () => {
    const clock = createSimulatedClock(MONDAY)
    const wakeSignal = createWakeSignal(clock)
    const over = new AbortController()
    over.abort()
    await wakeSignal.sleep(1000, over.signal)
    wakeSignal.notify()
    let woken = false
    const sleeping = wakeSignal.sleep(1000, new AbortController().signal).then(() => {
      woken = true
    })
    await sleeping
    expect(woken).toBe(true)
    expect(clock.now()).toBe(MONDAY)
  })
})
