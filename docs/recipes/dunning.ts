import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const dunning = campaign({
  id: 'dunning',
  goals: [
    { id: 'failed', when: { kind: 'payment-failed' }, next: ['remind'] },
    { id: 'paid', when: { kind: 'invoice-paid' }, achievableBy: 'members', same: 'invoice' },
  ],
  sequences: [
    {
      id: 'remind',
      vars: { invoice: { data: 'invoice' }, amount: { data: 'amount' } },
      per: 'invoice',
      steps: [
        { id: 'card-declined', kind: 'email' },
        { id: 'second-notice', kind: 'email', timer: { afterDays: 3, at: '10:00', from: 'start' } },
        { id: 'last-notice', kind: 'email', timer: { afterDays: 8, at: '10:00', from: 'start' } },
        { id: 'suspend', kind: 'suspend', timer: { afterDays: 14, at: '10:00', from: 'start' }, onFailure: 'hold' },
        { id: 'suspended', kind: 'email' },
      ],
      next: ['paid'],
    },
  ],
})
// #endregion campaign

// #region host
interface Invoice {
  readonly id: string
  readonly contactId: string
  readonly amount: number
}

/** From the webhook of your payment provider. `event`: its id. */
export async function onPayment(engine: Engine, event: string, kind: 'payment-failed' | 'invoice-paid', it: Invoice) {
  const data = { invoice: it.id, amount: it.amount }
  orThrow(await engine.signal({ contactId: it.contactId, kind, data, signalId: `payment/${event}` }))
}
// #endregion host

export default recipe({
  campaigns: [dunning],
  from: '2026-03-02',
  async story({ engine, at, until }) {
    const march = { id: 'I-3', contactId: 'ada', amount: 49 }
    const april = { id: 'I-4', contactId: 'ada', amount: 49 }
    await at('2026-03-02 04:00', 'the payment of I-3 fails', () => onPayment(engine, 'e1', 'payment-failed', march))
    await at('2026-03-04 04:00', 'it fails again', () => onPayment(engine, 'e2', 'payment-failed', march))
    await at('2026-03-07 15:00', 'I-3 is paid', () => onPayment(engine, 'e3', 'invoice-paid', march))
    await at('2026-04-02 04:00', 'the payment of I-4 fails', () => onPayment(engine, 'e4', 'payment-failed', april))
    await until('2026-05-01')
  },
})
