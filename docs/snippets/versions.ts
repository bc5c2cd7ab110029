import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const engine = createEngine({ store: createMemoryStore(), handlers: { email: () => ({ outcome: 'sent' }) } })

// #region versions
const campaign = (...steps: readonly string[]) => ({
  id: 'pool-owners',
  goals: [],
  sequences: [{ id: 'nurture', steps: steps.map((id) => ({ id, kind: 'email', timer: { after: 'P1D' } })) }],
})
const start = (contactId: string) =>
  engine.startSequence({ contactId, campaignId: 'pool-owners', sequenceId: 'nurture', actor: null })

orThrow(await engine.publish(campaign('mistake-1', 'mistake-2')))
orThrow(await start('ada'))
orThrow(await engine.publish(campaign('mistake-1', 'mistake-2', 'mistake-3')))
orThrow(await start('bob'))

for (const contactId of ['ada', 'bob']) {
  const [enrollment] = (await engine.inspect.contact(contactId)).enrollments
  console.log(contactId, 'version', enrollment?.campaignVersion, enrollment?.steps.map((step) => step.stepId).join(' '))
}
// #endregion versions
// #region unpublish
console.log(orThrow(await engine.unpublish('pool-owners', { actor: 'olga' })))
console.log(await start('cem'))
// #endregion unpublish
