// #region store
import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const engine = createEngine({ store: createMemoryStore(), handlers: { email: () => ({ outcome: 'sent' }) } })
// #endregion store
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)
orThrow(await engine.startSequence({ contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: null }))
const { sent, completed } = await engine.runDue()
console.log({ sent, completed })
