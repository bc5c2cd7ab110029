import { type Clock, type Facts, isRight } from '@enfold/core'
import { createEngine, type KindLimit } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSimulatedClock } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'
import { createLimits } from './limits.ts'

const START = '2026-03-02T09:00:00.000Z'
const definition = (id: string, kind: string) => ({
  id,
  goals: [],
  sequences: [{ id: 's', steps: [{ id: 'one', kind }] }],
})

async function given(
  kinds: Record<string, KindLimit>,
  handler: (kind: string, contactId: string, clock: Clock) => Promise<void> | void = () => {},
) {
  const clock = createSimulatedClock(START)
  const calls: {
    readonly kind: string
    readonly contactId: string
    readonly campaignId: string
    readonly at: string
  }[] = []
  const handle = (kind: string) => async (call: { contactId: string; campaignId: string }) => {
    calls.push({ kind, contactId: call.contactId, campaignId: call.campaignId, at: clock.now() })
    await handler(kind, call.contactId, clock)
    return { outcome: 'sent' as const }
  }
  const engine = createEngine({
    store: createMemoryStore(),
    clock,
    handlers: { email: handle('email'), webhook: handle('webhook') },
    dispatch: { kinds, concurrency: 20 },
    contacts: { get: (): Facts => ({}) },
  })
  const start = async (campaignId: string, contacts: readonly string[]) => {
    for (const contactId of contacts) {
      const started = await engine.startSequence({ contactId, campaignId, sequenceId: 's', actor: null })
      expect(isRight(started)).toBe(true)
    }
  }
  return { clock, engine, calls, start }
}

const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(3, '0')}`)

describe('given a dispatcher with limits', () => {
  it('STEP-7: a rate is kept in every window, the rest waits and goes out oldest first', async () => {
    const { clock, engine, calls, start } = await given({ email: { perSecond: 5 } })
    await engine.publish(definition('c', 'email'))
    await start('c', named('a', 12))
    const first = await engine.runDue()
    expect(first.dispatched).toBe(5)
    expect(first.wakeAt).toBe('2026-03-02T09:00:01.000Z')
    clock.advance(999)
    expect((await engine.runDue()).dispatched).toBe(0)
    clock.advance(1)
    expect((await engine.runDue()).dispatched).toBe(5)
    clock.advance(1000)
    expect(await engine.runDue()).toMatchObject({ dispatched: 2, wakeAt: null })
    expect(
      calls
        .map((call) => call.contactId)
        .slice()
        .sort(),
    ).toEqual(named('a', 12))
  })

  it('TIME-2: what a rate limit holds back past the closing of its window waits for the next opening', async () => {
    const { clock, engine, calls, start } = await given({ email: { perSecond: 2 } })
    const window = { from: '09:00', to: '17:00' }
    const steps = [{ id: 'one', kind: 'email', timer: { after: 'PT7H59M59S', window } }]
    await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps }] })
    await start('c', named('a', 5))
    clock.set('2026-03-02T16:59:59.000Z')
    expect(await engine.runDue()).toMatchObject({ sent: 2, wakeAt: '2026-03-02T17:00:00.000Z' })
    clock.advance(1000)
    // The limit would let two more go now; the window does not.
    expect(await engine.runDue()).toMatchObject({ sent: 0 })
    const held = await engine.inspect.upcoming({})
    expect(held.map(({ dueAt, opensAt }) => ({ dueAt, opensAt }))).toEqual(
      Array.from({ length: 3 }, () => ({ dueAt: '2026-03-02T16:59:59.000Z', opensAt: '2026-03-03T09:00:00.000Z' })),
    )
    const [first] = held
    const { enrollments } = await engine.inspect.contact(first?.contactId ?? '')
    expect(enrollments[0]?.next).toEqual({
      stepId: 'one',
      dueAt: '2026-03-02T16:59:59.000Z',
      opensAt: '2026-03-03T09:00:00.000Z',
    })
    for (const at of ['2026-03-03T08:59:59.999Z', '2026-03-03T09:00:00.000Z', '2026-03-03T09:00:01.000Z']) {
      clock.set(at)
      await engine.runDue()
    }
    const [evening, ...mornings] = ['2026-03-02T16:59:59.000Z', '2026-03-03T09:00:00.000Z', '2026-03-03T09:00:01.000Z']
    expect(calls.map(({ at }) => at)).toEqual([evening, evening, mornings[0], mornings[0], mornings[1]])
  })

  it('STEP-7: what the limit of one kind holds back holds up no other kind', async () => {
    const { engine, calls, start } = await given({ email: { perSecond: 1 } })
    await engine.publish(definition('mails', 'email'))
    await engine.publish(definition('hooks', 'webhook'))
    await start('mails', named('m', 60))
    await start('hooks', named('h', 30))
    await engine.runDue()
    expect(calls.filter((call) => call.kind === 'webhook')).toHaveLength(30)
    expect(calls.filter((call) => call.kind === 'email')).toHaveLength(1)
  })

  it('STEP-7: campaigns share a limit: the backlog of one does not stand before the other', async () => {
    const { engine, calls, start } = await given({ email: { perSecond: 10 } })
    await engine.publish(definition('great', 'email'))
    await engine.publish(definition('small', 'email'))
    await start('great', named('g', 50))
    await start('small', named('s', 3))
    await engine.runDue()
    expect(calls.filter((call) => call.campaignId === 'small')).toHaveLength(3)
    expect(calls.filter((call) => call.campaignId === 'great')).toHaveLength(7)
  })

  it('STEP-7: at most so many handlers of a kind run at once, and all of them in the end', async () => {
    let now = 0
    let most = 0
    const { engine, calls, start } = await given({ email: { concurrency: 3 } }, async () => {
      now += 1
      most = Math.max(most, now)
      await new Promise(setImmediate)
      now -= 1
    })
    await engine.publish(definition('c', 'email'))
    await start('c', named('a', 20))
    await engine.runDue()
    expect(most).toBe(3)
    expect(calls).toHaveLength(20)
  })

  it('STEP-9: after a standstill what is left drains within the rate, and what is late is recorded as dropped', async () => {
    const { clock, engine, calls } = await given({ email: { perSecond: 2 } })
    await engine.publish({
      id: 'c',
      goals: [],
      sequences: [
        { id: 's', steps: [{ id: 'keeps', kind: 'email', timer: { after: 'P1D' } }] },
        { id: 't', steps: [{ id: 'expires', kind: 'email', timer: { after: 'P1D' }, expiresAfter: 'P2D' }] },
      ],
    })
    for (const contactId of named('a', 6))
      for (const sequenceId of ['s', 't'])
        await engine.startSequence({ contactId, campaignId: 'c', sequenceId, actor: null })
    clock.advance('P7D')
    const dueAt = '2026-03-03T09:00:00.000Z'
    const first = { contactId: 'a000', campaignId: 'c', run: 1, dueAt }
    expect(await engine.inspect.overdue()).toEqual({
      contacts: 6,
      oldest: dueAt,
      dispatches: [{ kind: 'email', campaignId: 'c', steps: 6, first: { ...first, sequenceId: 's', stepId: 'keeps' } }],
      skips: [{ reason: 'late', steps: 6, first: { ...first, sequenceId: 't', stepId: 'expires' } }],
      broken: [],
    })
    let seconds = 0
    for (let done = 0; done < 6 && seconds < 20; seconds++) {
      done += (await engine.runDue()).dispatched
      clock.advance(1000)
    }
    expect(seconds).toBe(3)
    expect(calls).toHaveLength(6)
    const history = await engine.inspect.history('a000')
    expect(history.filter((event) => event.type === 'StepSkipped').map((event) => event.data)).toMatchObject([
      { stepId: 'expires', reason: 'late' },
    ])
  })
})

describe('given limits alone', () => {
  it('STEP-7: a rate below one a second spreads over several seconds', () => {
    const clock = createSimulatedClock(START)
    const limits = createLimits(new Map([['email', { perSecond: 0.5 }]]), clock)
    limits.reserve('email')(true)
    expect(limits.capacity().get('email')).toBe(0)
    expect(limits.waitMs()).toBe(2000)
    clock.advance(2000)
    expect(limits.capacity().get('email')).toBe(1)
    expect(limits.waitMs()).toBe(0)
  })

  it('STEP-7: a permit that was not used is given back', () => {
    const limits = createLimits(new Map([['email', { perSecond: 1, concurrency: 1 }]]), createSimulatedClock(START))
    const give = limits.reserve('email')
    expect(limits.capacity().get('email')).toBe(0)
    give(false)
    expect(limits.capacity().get('email')).toBe(1)
  })

  it('STEP-7: limits that cannot be are refused by name', () => {
    const make = (kinds: Record<string, unknown>) => () =>
      createEngine({
        store: createMemoryStore(),
        handlers: {},
        dispatch: { kinds: kinds as Record<string, KindLimit> },
      })
    expect(make({ email: { perSecond: 0 } })).toThrow(/createEngine\.dispatch\.kinds\.email\.perSecond is 0/)
    expect(make({ email: { perMinute: 3 } })).toThrow(/kinds\.email\.perMinute/)
  })
})
