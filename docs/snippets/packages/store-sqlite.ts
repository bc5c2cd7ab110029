import type { StepHandler } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'

const path = 'campaigns.db'
const email: StepHandler = () => ({ outcome: 'sent' })

const first = createSqliteStore({ path })
const desk = createEngine({ store: first, handlers: { email } })
await desk.publish({
  id: 'pool-owners',
  goals: [],
  sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }] }],
})
await desk.startSequence({ contactId: 'ada', campaignId: 'pool-owners', sequenceId: 'nurture', actor: 'olga' })
await first.close()

// Later, or in another process at the same time: all of it is in the file.
const second = createSqliteStore({ path })
const worker = createEngine({ store: second, handlers: { email } })
const { sent, completed } = await worker.runDue()
console.log({ sent, completed })
await second.close()
