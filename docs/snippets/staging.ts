import { createEngine, orThrow, redirectable, type StepCall } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const store = createMemoryStore()
const numberOf = async (contactId: string) => `the telephone of ${contactId}`
const sendText = async (to: string, call: StepCall) => {
  console.log('text', call.step.id, 'to', to)
  return { outcome: 'sent' } as const
}
const sendMail = async (to: string, call: StepCall) => {
  console.log('mail', call.step.id, 'to', to)
  return { outcome: 'sent' } as const
}
// #region handler
const text = redirectable(async (call: StepCall) => {
  if (call.deliverTo !== undefined) return sendMail(call.deliverTo, call)
  return sendText(await numberOf(call.contactId), call)
})
// #endregion handler
const handlers = { text }
// #region engine
const engine = createEngine({ store, handlers, deliverTo: 'crm-staging@example.com' })
// #endregion engine
const steps = [{ id: 'hello', kind: 'text' }]
orThrow(await engine.publish({ id: 'welcome', goals: [], sequences: [{ id: 'first', steps }] }))
orThrow(await engine.startSequence({ contactId: 'ada', campaignId: 'welcome', sequenceId: 'first', actor: 'olga' }))
await engine.runDue()
await engine.close()
