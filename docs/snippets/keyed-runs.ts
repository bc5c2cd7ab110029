import { createEngine, orThrow, type StepCall } from 'enfold'
import { createMemoryStore } from 'enfold/memory'
import { createSimulatedClock } from 'enfold/testing'

// #region campaign
const campaign = {
  id: 'shop',
  goals: [
    { id: 'left', when: { kind: 'cart-left' }, next: ['remind'] },
    { id: 'paid', when: { kind: 'paid' }, achievableBy: 'members', same: 'cartId' },
  ],
  sequences: [
    {
      id: 'remind',
      vars: { cart: { data: 'cartId' }, total: { data: 'total' } },
      per: 'cart',
      steps: [
        { id: 'soon', kind: 'email', timer: { after: 'PT1H' } },
        { id: 'discount', kind: 'email', if: { var: 'total', atLeast: 100 }, timer: { after: 'P1D' } },
      ],
      next: ['paid'],
    },
  ],
} as const
// #endregion campaign

const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
// #region handler
const email = ({ contactId, step, key, vars }: StepCall) => {
  console.log(`${step.id} to ${contactId}: cart ${key} of ${vars?.total}`)
  return { outcome: 'sent' } as const
}
// #endregion handler
const engine = createEngine({ store: createMemoryStore(), clock, handlers: { email } })
orThrow(await engine.publish(campaign))

// #region signals
orThrow(await engine.signal({ contactId: 'ada', kind: 'cart-left', data: { cartId: 'A-1', total: 40 } }))
orThrow(await engine.signal({ contactId: 'ada', kind: 'cart-left', data: { cartId: 'A-2', total: 180 } }))
clock.advance('PT1H')
await engine.runDue()

const paid = orThrow(await engine.signal({ contactId: 'ada', kind: 'paid', data: { cartId: 'A-1' } }))
console.log(paid.goals[0]?.stopped)
clock.advance('P1D')
await engine.runDue()
// #endregion signals

// #region questions
const { enrollments } = await engine.inspect.contact('ada')
console.log(enrollments.map(({ key, status, vars }) => ({ key, status, vars })))
const { contacts, keys, total } = await engine.inspect.contactsInSequence({
  campaignId: 'shop',
  sequenceId: 'remind',
  status: 'waiting',
})
console.log({ contacts, keys, total })
// #endregion questions

// #region orders
const remind = { contactId: 'ada', campaignId: 'shop', sequenceId: 'remind', actor: 'olga' }
const started = orThrow(await engine.startSequence({ ...remind, key: 'A-3', vars: { total: 25 } }))
console.log(started.outcome, started.key)
const stopped = orThrow(await engine.stopSequence(remind))
console.log(stopped.runs)
// #endregion orders
await engine.close()
