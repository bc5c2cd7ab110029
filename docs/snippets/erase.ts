import { createEngine, heldInWords, orThrow } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

const people = new Map([['c-81', { name: 'Ada', mail: 'ada@people.example', income: 90_000 }]])

const engine = createEngine({
  store: createMemoryStore(),
  clock: createSimulatedClock('2026-03-02T09:00:00.000Z'),
  handlers: { email: () => ({ outcome: 'sent' }) },
  contacts: {
    get(id) {
      const person = people.get(id)
      return person === undefined ? null : { tags: ['customer'], fields: { income: person.income } }
    },
  },
})
// #region private
orThrow(
  await engine.publish({
    id: 'pool-owners',
    fields: { income: { private: true } },
    goals: [
      {
        id: 'asked',
        when: { kind: 'form-submitted' },
        next: [{ to: 'premium', if: { all: [{ tag: 'customer' }, { field: 'income', atLeast: 80_000 }] } }],
      },
    ],
    sequences: [
      {
        id: 'premium',
        steps: [
          { id: 'offer', kind: 'email' },
          { id: 'reminder', kind: 'email', timer: { after: 'P7D' } },
        ],
      },
    ],
  }),
)
orThrow(await engine.signal({ contactId: 'c-81', kind: 'form-submitted', data: { name: 'Ada' } }))
await engine.runDue()

const [satisfied] = await engine.inspect.history('c-81')
if (satisfied?.type === 'GoalSatisfied') console.log(satisfied.data.saw)
// #endregion private
// #region erase
const { holds } = orThrow(await engine.erase({ contactId: 'c-81', actor: 'olga', reason: 'request 2026-17' }))
people.delete('c-81')
console.log(heldInWords(holds))

const { erased, enrollments } = await engine.inspect.contact('c-81')
console.log(erased, enrollments[0]?.status, await engine.inspect.sequencesOf('c-81'))
console.log((await engine.inspect.upcoming({ contactId: 'c-81' })).length)
console.log(
  await engine.startSequence({ contactId: 'c-81', campaignId: 'pool-owners', sequenceId: 'premium', actor: 'olga' }),
)
// #endregion erase
// #region remains
const log = JSON.stringify(await engine.inspect.history('c-81'))
console.log(['Ada', 'ada@people.example', '90000', 'c-81'].filter((text) => log.includes(text)))
// #endregion remains
