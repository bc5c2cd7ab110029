/** The engine on PostgreSQL: several workers, each with connections of its own, and a server that dies under them. */

import { campaign, isEnfoldFault, isLeft } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { givenOwnServer, givenSchema } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { expect, it, onTestFinished } from 'vitest'
import { givenStore } from './postgres.fixture.ts'

const server = givenOwnServer()

const steps = ['one', 'two', 'three'].map((id) => ({ id, kind: 'email' }))
const pool = campaign({
  id: 'pool',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] }],
  sequences: [
    { id: 'nurture', steps, next: ['bought'] },
    { id: 'onboarding', steps },
  ],
})

function givenWorkers(count: number) {
  const schema = givenSchema(server)
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const calls: string[] = []
  const engines = Array.from({ length: count }, (): Engine => {
    const engine = createEngine({
      store: givenStore(server, { schema, maxConnections: 4 }),
      clock,
      handlers: {
        email({ idempotencyKey }) {
          calls.push(idempotencyKey)
          return { outcome: 'sent' }
        },
      },
    })
    onTestFinished(() => engine.close())
    return engine
  })
  return { engines, clock, calls, first: engines[0] as Engine }
}

const order = (contactId: string) => ({ contactId, campaignId: 'pool', sequenceId: 'nurture', actor: 'crm' })
const contacts = Array.from({ length: 60 }, (_, i) => `c${i}`)

it('STEP-4: each step is done by one of four workers', async () => {
  const { engines, calls, first } = givenWorkers(4)
  await first.publish(pool)
  await Promise.all(contacts.map((id, i) => engines[i % 4]?.startSequence(order(id))))
  const counts = await Promise.all(engines.map((engine) => engine.runDue()))
  // A worker that found the last ones taken looks again: by then they are done.
  const again = await Promise.all(engines.map((engine) => engine.runDue()))
  expect([...counts, ...again].reduce((sum, { sent }) => sum + sent, 0)).toBe(180)
  expect(calls).toHaveLength(180)
  expect(new Set(calls).size).toBe(180)
  expect((await first.verifyIndex()).differences).toEqual([])
})

it('GOAL-12, ONCE-2: goals and workers race on every contact, and nothing of nurture is sent after its goal', async () => {
  const { engines, first } = givenWorkers(3)
  await first.publish(pool)
  await Promise.all(contacts.map((id, i) => engines[i % 3]?.startSequence(order(id))))
  const working = Promise.all(engines.map((engine) => engine.runDue()))
  const signals = contacts.map((contactId, i) =>
    engines[(i + 1) % 3]?.signal({ contactId, kind: 'purchased', signalId: `bought ${contactId}` }),
  )
  for (const answered of await Promise.all(signals)) expect(answered !== undefined && isLeft(answered)).toBe(false)
  await working
  for (const engine of engines) await engine.runDue()
  for (const id of contacts) {
    const history = await first.inspect.history(id)
    const goal = history.findIndex(({ type }) => type === 'GoalSatisfied')
    const late = history
      .slice(goal)
      .filter((event) => event.type === 'StepDispatched' && event.data.sequenceId === 'nurture')
    expect(late).toEqual([])
    const sent = history.filter((event) => event.type === 'StepSent' && event.data.sequenceId === 'onboarding')
    expect(sent).toHaveLength(3)
  }
  expect((await first.verifyIndex()).differences).toEqual([])
})

it.skipIf(!server.isOurs)(
  'ONCE-3: workers go on after the server was killed and restarted, and each step is recorded once',
  async () => {
    const { engines, clock, calls, first } = givenWorkers(4)
    await first.publish(pool)
    await Promise.all(contacts.map((id, i) => engines[i % 4]?.startSequence(order(id))))
    const faults = new Set<string>()
    let done = false
    const working = engines.map(async (engine) => {
      while (!done) {
        try {
          await engine.runDue()
        } catch (error) {
          if (!isEnfoldFault(error)) throw error
          faults.add(error.code)
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })
    for (const blow of [20, 70, 120]) {
      while (calls.length < blow) {
        clock.advance('PT2M')
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await server.kill()
      await server.start()
    }
    const finished = async () => {
      const counts = await first.inspect.contactsInSequence({
        campaignId: 'pool',
        sequenceId: 'nurture',
        status: 'waiting',
      })
      return counts.total === contacts.length
    }
    while (!(await finished())) {
      // What the dead had claimed, and what waits for another try, comes free.
      clock.advance('PT2M')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    done = true
    await Promise.all(working)
    expect([...faults]).toEqual(['STORE_UNAVAILABLE'])
    for (const id of contacts) {
      const sent = (await first.inspect.history(id)).flatMap((event) =>
        event.type === 'StepSent' ? [event.data.stepId] : [],
      )
      expect(sent).toEqual(['one', 'two', 'three'])
    }
    expect(new Set(calls).size).toBe(180)
    expect((await first.verifyIndex()).differences).toEqual([])
  },
)
