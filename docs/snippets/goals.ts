import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

// #region campaign
const campaign = {
  id: 'pool-owners',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'pool-guide' } }, next: ['nurture'] },
    {
      id: 'bought',
      when: [{ kind: 'purchased' }, { kind: 'stage-moved', match: { stage: 'won' } }],
      achievableBy: 'members',
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'onboarding', otherwise: true },
      ],
    },
    { id: 'leave', when: { kind: 'tag-applied', match: { tag: 'stop-mail' } } },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { after: 'P2D' } },
      ],
      next: ['bought', 'leave'],
    },
    { id: 'vip', steps: [{ id: 'letter', kind: 'email' }], next: ['leave'] },
    { id: 'onboarding', steps: [{ id: 'welcome', kind: 'email' }], next: ['leave'] },
  ],
}
// #endregion campaign

// #region signals
const spend = new Map([
  ['ada', 2069],
  ['bob', 89],
])
const engine = createEngine({
  store: createMemoryStore(),
  handlers: { email: () => ({ outcome: 'sent' }) },
  contacts: { get: (id) => ({ fields: { spend: spend.get(id) ?? 0 } }) },
})
orThrow(await engine.publish(campaign))

for (const contactId of ['ada', 'bob'])
  orThrow(await engine.signal({ contactId, kind: 'form-submitted', data: { form: 'pool-guide' } }))

for (const contactId of ['ada', 'bob', 'cem']) {
  const { goals } = orThrow(await engine.signal({ contactId, kind: 'purchased' }))
  for (const { goalId, outcome, stopped, started } of goals)
    console.log(contactId, goalId, outcome, {
      stopped: stopped.map((one) => one.sequenceId),
      started: started.map((one) => one.sequenceId),
    })
}
// #endregion signals
