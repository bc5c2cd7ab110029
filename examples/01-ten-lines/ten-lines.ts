import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
const engine = createEngine({
  store: createMemoryStore(),
  clock,
  handlers: {
    email({ contactId, step }) {
      console.log(clock.now(), contactId, step.id)
      return { outcome: 'sent' }
    },
  },
})
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [{ id: 'asked', when: { kind: 'form-submitted', match: { form: 'pool-guide' } }, next: ['nurture'] }],
    sequences: [
      {
        id: 'nurture',
        steps: [
          { id: 'mistake-1', kind: 'email' },
          { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        ],
      },
    ],
  }),
)
orThrow(await engine.signal({ contactId: 'ada', kind: 'form-submitted', data: { form: 'pool-guide' } }))
const { wakeAt } = await engine.runDue()
clock.set(wakeAt ?? clock.now())
await engine.runDue()
console.log((await engine.inspect.contact('ada')).enrollments[0]?.status)
