import { createEngine } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'

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
await engine.publish(campaign)

for (const contactId of ['ada', 'bob'])
  await engine.signal({ contactId, kind: 'form-submitted', data: { form: 'pool-guide' } })

for (const contactId of ['ada', 'bob', 'cem']) {
  const answer = await engine.signal({ contactId, kind: 'purchased' })
  if (answer._tag === 'Left') throw new Error(answer.left.type)
  for (const { goalId, outcome, stopped, started } of answer.right.goals)
    console.log(contactId, goalId, outcome, {
      stopped: stopped.map((one) => one.sequenceId),
      started: started.map((one) => one.sequenceId),
    })
}
// #endregion signals
