import { createEngine, orThrow, type StepHandler } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'
import { expect, it, onTestFinished } from 'vitest'
import { createTaskList } from './task-step.ts'

async function given(handlerOf: (task: StepHandler) => StepHandler = (task) => task) {
  const list = createTaskList(':memory:')
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const engine = createEngine({ store: createMemoryStore(), clock, handlers: { task: handlerOf(list.task) } })
  onTestFinished(async () => {
    await engine.close()
    list.close()
  })
  orThrow(
    await engine.publish({
      id: 'trial',
      goals: [],
      sequences: [
        {
          id: 'care',
          steps: [
            { id: 'call', kind: 'task', params: { title: 'Call them' } },
            { id: 'nothing', kind: 'task', maxAttempts: 3 },
          ],
        },
      ],
    }),
  )
  orThrow(await engine.startSequence({ contactId: 'ada', campaignId: 'trial', sequenceId: 'care', actor: 'olga' }))
  const stepsOf = async () => (await engine.inspect.contact('ada')).enrollments[0]?.steps
  return { list, clock, engine, stepsOf }
}

it('STEP-4: a step of your own kind is done by your own handler', async () => {
  const { engine, list, stepsOf } = await given()
  await engine.runDue()
  expect(list.all()).toEqual([{ contact: 'ada', title: 'Call them' }])
  expect(await stepsOf()).toMatchObject([
    { stepId: 'call', status: 'sent' },
    { stepId: 'nothing', status: 'failed', reason: 'no-title' },
  ])
})

it('STEP-6: a worker that dies after the step, and tries again, does it once', async () => {
  let calls = 0
  const { clock, engine, list, stepsOf } = await given((task) => (call) => {
    const answer = task(call)
    calls += 1
    if (calls === 1) throw new Error('the connection is lost after the commit')
    return answer
  })
  await engine.runDue()
  expect((await stepsOf())?.[0]).toMatchObject({ status: 'pending' })
  clock.advance('PT2H')
  await engine.runDue()
  expect(calls).toBeGreaterThan(1)
  expect((await stepsOf())?.[0]).toMatchObject({ status: 'sent' })
  expect(list.all()).toHaveLength(1)
})
