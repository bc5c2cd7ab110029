import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const engine = createEngine({
  store: createMemoryStore(),
  handlers: {
    email({ contactId, step }) {
      console.log('mail', step.id, 'to', contactId)
      return { outcome: 'sent' }
    },
  },
})
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)

const order = { contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: 'olga' }
console.log(await engine.startSequence(order))
console.log(await engine.startSequence(order))
await engine.runDue()
