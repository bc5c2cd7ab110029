import { createEngine, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'

const engine = createEngine({ store: createMemoryStore(), handlers: { email: () => ({ outcome: 'sent' }) } })
orThrow(
  await engine.publish({
    id: 'pool-owners',
    goals: [{ id: 'bought', when: { kind: 'purchased' } }],
    sequences: [
      {
        id: 'nurture',
        steps: [
          { id: 'mistake-1', kind: 'email' },
          { id: 'mistake-2', kind: 'email', timer: { after: 'P2D' } },
        ],
        next: ['bought'],
      },
      { id: 'survey', steps: [{ id: 'question', kind: 'email' }], next: ['bought'] },
    ],
  }),
)
const start = async (contactId: string, sequenceId: string) =>
  orThrow(await engine.startSequence({ contactId, campaignId: 'pool-owners', sequenceId, actor: 'olga' }))
for (const contactId of ['ada', 'bob', 'cem']) await start(contactId, 'nurture')
for (const contactId of ['bob', 'cem', 'dan']) await start(contactId, 'survey')
await engine.runDue()

// #region questions
const nurture = { campaignId: 'pool-owners', sequenceId: 'nurture' }
const survey = { campaignId: 'pool-owners', sequenceId: 'survey' }

console.log(await engine.inspect.contactsInSequence({ ...nurture, limit: 2 }))
console.log(await engine.inspect.sequencesOf('bob'))
console.log((await engine.inspect.search({ all: [nurture], none: [{ ...survey, status: 'waiting' }] })).contacts)
console.log(await engine.verifyIndex())
// #endregion questions
