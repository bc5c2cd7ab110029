import { join } from 'node:path'
import { EnfoldFault, type StepCall, type StepOutcome, type Store } from '@enfold/core'
import { createEngine, type Engine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { answerOf, createGate, createRecorder, MONDAY, temporaryDirectory, typesOf, until } from '../engine.fixture.ts'
import { closingAfterEach } from '../store.fixture.ts'

const directory = temporaryDirectory()
const sent: StepOutcome = { outcome: 'sent' }
const closing = closingAfterEach()

/** An engine over the store, and a campaign of so many sequences of one step, all of them started by one signal. */
async function given(store: Store, sequences: number, options: Partial<EngineOptions>) {
  const clock = createSimulatedClock(MONDAY)
  const engine = createEngine({ store, clock, random: () => 0, handlers: {}, ...options })
  closing(store)
  closing(engine)
  const ids = Array.from({ length: sequences }, (_, i) => `sequence ${i}`)
  await answerOf(
    engine.publish({
      id: 'many',
      goals: [{ id: 'all', when: { kind: 'asked' }, next: ids }],
      sequences: ids.map((id) => ({ id, steps: [{ id: 'mail', kind: 'email' }] })),
    }),
  )
  return { engine, clock, ask: () => answerOf(engine.signal({ contactId: 'ann', kind: 'asked' })) }
}

const count = async (engine: Engine, type: string) => (await typesOf(engine)).filter((one) => one === type).length

it('STEP-11: a hundred steps of one contact that are due at once are each sent once', async () => {
  const { calls, handler } = createRecorder()
  const store = createSqliteStore({ path: join(directory, 'hundred.db') })
  const { engine, clock, ask } = await given(store, 100, { handlers: { email: handler } })
  await ask()
  expect(await engine.runDue()).toMatchObject({ dispatched: 100, sent: 100, completed: 100 })
  clock.advance('PT1H')
  expect(await engine.runDue()).toMatchObject({ dispatched: 0 })
  expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(100)
  expect(calls).toHaveLength(100)
})

it('STEP-11: thousands of steps of one contact cost one append for many outcomes', async () => {
  const inner = createMemoryStore({ hashChain: false })
  let appends = 0
  const store: Store = {
    ...inner,
    appendMany(given) {
      appends += 1
      return inner.appendMany(given)
    },
  }
  const { calls, handler } = createRecorder()
  const { engine, ask } = await given(store, 1500, { handlers: { email: handler } })
  await ask()
  appends = 0
  expect(await engine.runDue()).toMatchObject({ dispatched: 1500, sent: 1500, completed: 1500 })
  expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1500)
  // Two claims of at most 1,000 steps, and 100 outcomes at a time.
  expect(appends).toBeLessThanOrEqual(20)
})

it('STEP-11: a claim is prolonged while an outcome waits for a slow store, and no other worker sends it again', async () => {
  const inner = createMemoryStore()
  const gate = createGate()
  let renewed = 0
  const store: Store = {
    ...inner,
    async appendMany(given) {
      if (given.some(({ events }) => events.some(({ type }) => type === 'StepSent'))) await gate.passed
      return inner.appendMany(given)
    },
    async renew(...asked) {
      const claims = await inner.renew(...asked)
      renewed += claims.length
      return claims
    },
  }
  const { calls, handler } = createRecorder()
  const dispatch = { leaseMs: 400, handlerTimeoutMs: 100 }
  const { engine, clock, ask } = await given(store, 2, { handlers: { email: handler }, dispatch })
  const another = createEngine({ store, clock, dispatch, handlers: { email: handler } })
  closing(another)
  await ask()
  const working = engine.runDue()
  await until(() => calls.length === 2)
  // By the clock of the leases: the first would be over at 400 ms.
  for (let ms = 0; ms < 1200; ms += 300) {
    const before = renewed
    clock.advance(300)
    await until(() => renewed > before)
    expect(await another.runDue()).toMatchObject({ dispatched: 0 })
  }
  gate.open()
  expect(await working).toMatchObject({ sent: 2 })
  expect(calls).toHaveLength(2)
})

/** A store whose reads of streams fail so many times once a handler was called. */
function failingReads(times: () => number): { readonly store: Store; readonly reads: { failed: number } } {
  const inner = createMemoryStore()
  const reads = { failed: 0 }
  const store: Store = {
    ...inner,
    async readTails(asked) {
      if (reads.failed >= times()) return inner.readTails(asked)
      reads.failed += 1
      throw new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Mount it.')
    },
  }
  return { store, reads }
}

it('STEP-11: a read that fails after two writers of a contact met loses no outcome', async () => {
  let times = 0
  const { store, reads } = failingReads(() => times)
  const calls: StepCall[] = []
  const email = async (call: StepCall) => {
    calls.push(call)
    // Written while the handler is at work: what the worker knows of the contact is out of date.
    await answerOf(engine.suppress({ contactId: 'ann', until: null, actor: 'olga' }))
    times = 2
    return sent
  }
  const { engine, ask, clock } = await given(store, 1, { handlers: { email } })
  await ask()
  expect(await engine.runDue()).toMatchObject({ sent: 1 })
  expect(reads.failed).toBe(2)
  clock.advance('PT1H')
  expect(await engine.runDue()).toMatchObject({ dispatched: 0 })
  expect(calls).toHaveLength(1)
  expect(await count(engine, 'StepSent')).toBe(1)
})

it('STEP-11: a store that stays away ends runDue with its fault, and the outcome is recorded when it is back', async () => {
  const inner = createMemoryStore()
  const illness = new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Mount it.')
  let ill = false
  const store: Store = {
    ...inner,
    async appendMany(given) {
      if (ill) throw illness
      return inner.appendMany(given)
    },
  }
  const { calls, handler } = createRecorder(() => {
    ill = true
    return sent
  })
  const { engine, ask, clock } = await given(store, 1, { handlers: { email: handler } })
  await ask()
  await expect(engine.runDue()).rejects.toBe(illness)
  expect(await count(engine, 'StepSent')).toBe(0)
  ill = false
  // Long after its lease by the clock: the worker that knows the outcome keeps the contact.
  clock.advance('PT1H')
  await engine.runDue()
  await until(async () => (await count(engine, 'StepSent')) === 1)
  expect(await engine.runDue()).toMatchObject({ dispatched: 0 })
  expect(calls).toHaveLength(1)
})

it('STEP-11: close waits for an outcome that the store did not take yet', async () => {
  const inner = createMemoryStore()
  let ill = false
  const store: Store = {
    ...inner,
    async appendMany(given) {
      if (ill) throw new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Mount it.')
      return inner.appendMany(given)
    },
  }
  const { handler } = createRecorder(() => {
    ill = true
    return sent
  })
  const { engine, ask } = await given(store, 1, { handlers: { email: handler } })
  await ask()
  await expect(engine.runDue()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  const closed = engine.close()
  ill = false
  await closed
  expect(await count(engine, 'StepSent')).toBe(1)
})

it('STEP-11: close gives an outcome up that no store takes within shutdownMs', async () => {
  const inner = createMemoryStore()
  let ill = false
  const store: Store = {
    ...inner,
    async appendMany(given) {
      if (ill) throw new EnfoldFault('STORE_UNAVAILABLE', 'The disk is gone. Mount it.')
      return inner.appendMany(given)
    },
  }
  const { handler } = createRecorder(() => {
    ill = true
    return sent
  })
  const { engine, ask } = await given(store, 1, { handlers: { email: handler }, dispatch: { shutdownMs: 10 } })
  await ask()
  await expect(engine.runDue()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await engine.close()
  expect(await count(engine, 'StepSent')).toBe(0)
})
