// #region store
import { createEngine, orThrow } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'

const store = createSqliteStore({ path: 'campaigns.db' })
const engine = createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } })
// #endregion store
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [],
    sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
  }),
)
const order = { contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: 'olga' }
orThrow(await engine.startSequence(order))
await store.close()

// Later, or in another process at the same time: all of it is in the file.
const again = createSqliteStore({ path: 'campaigns.db' })
const worker = createEngine({ store: again, handlers: { email: () => ({ outcome: 'sent' }) } })
const { sent, completed } = await worker.runDue()
console.log({ sent, completed })
await again.close()
