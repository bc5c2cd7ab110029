import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'

const engine = createEngine({ store: createMemoryStore(), handlers: { email: () => ({ outcome: 'sent' }) } })

// #region versions
const campaign = (...steps: readonly string[]) => ({
  id: 'pool-owners',
  goals: [],
  sequences: [{ id: 'nurture', steps: steps.map((id) => ({ id, kind: 'email', timer: { after: 'P1D' } })) }],
})
const start = (contactId: string) =>
  engine.startSequence({ contactId, campaignId: 'pool-owners', sequenceId: 'nurture', actor: null })

await engine.publish(campaign('mistake-1', 'mistake-2'))
await start('ada')
await engine.publish(campaign('mistake-1', 'mistake-2', 'mistake-3'))
await start('bob')

for (const contactId of ['ada', 'bob']) {
  const [enrollment] = (await engine.inspect.contact(contactId)).enrollments
  console.log(contactId, 'version', enrollment?.campaignVersion, enrollment?.steps.map((step) => step.stepId).join(' '))
}
// #endregion versions
// #region unpublish
const unpublished = await engine.unpublish('pool-owners', { actor: 'olga' })
console.log(unpublished)
console.log(await start('cem'))
// #endregion unpublish
