import { createEngine, describeRejection, match, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
const engine = createEngine({
  store: createMemoryStore(),
  clock,
  handlers: { email: () => ({ outcome: 'sent' }) },
})
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [{ id: 'bought', when: { kind: 'purchased' } }],
    sequences: [
      {
        id: 'nurture',
        steps: [
          { id: 'mistake-1', kind: 'email' },
          { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        ],
        next: ['bought'],
      },
    ],
  }),
)

// #region runs
const order = { contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: 'olga' }
const say = match(
  describeRejection,
  (answer: { outcome: string; run: number }) => `${answer.outcome}, run ${answer.run}`,
)

console.log(say(await engine.startSequence(order)))
await engine.runDue()
console.log(say(await engine.startSequence(order)))
console.log(say(await engine.stopSequence(order)))
console.log(say(await engine.stopSequence(order)))
console.log(say(await engine.startSequence(order)))
console.log(say(await engine.startSequence({ ...order, sequenceId: 'nurtur' })))
// #endregion runs
// #region view
await engine.runDue()
clock.set('2026-03-04T08:00:00.000Z')
await engine.runDue()

const { enrollments } = await engine.inspect.contact('ada', { runs: 'all' })
for (const { run, status, steps } of enrollments)
  console.log(`run ${run}: ${status};`, steps.map((step) => `${step.stepId} ${step.status}`).join(', '))
// #endregion view
