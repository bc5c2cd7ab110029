import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const winBack = campaign({
  id: 'win-back',
  goals: [
    // In this order: the purchase ends the wait that runs, then it begins the next one.
    { id: 'back', when: { kind: 'purchased' }, achievableBy: 'members' },
    { id: 'bought', when: { kind: 'purchased' }, next: ['quiet'] },
  ],
  sequences: [
    {
      id: 'quiet',
      steps: [
        { id: 'we-miss-you', kind: 'email', timer: { afterDays: 60, at: '09:00' } },
        { id: 'ten-percent', kind: 'email', timer: { afterDays: 30, at: '09:00' } },
        { id: 'goodbye', kind: 'email', timer: { afterDays: 60, at: '09:00' } },
      ],
      next: ['back'],
    },
  ],
})
// #endregion campaign

// #region host
export async function onOrder(engine: Engine, order: { id: string; contactId: string }) {
  orThrow(await engine.signal({ contactId: order.contactId, kind: 'purchased', signalId: `order/${order.id}` }))
}
// #endregion host

export default recipe({
  campaigns: [winBack],
  from: '2026-01-01',
  async story({ engine, at, until }) {
    await at('2026-01-10 10:00', 'ada buys', () => onOrder(engine, { id: '1', contactId: 'ada' }))
    await at('2026-02-20 10:00', 'ada buys', () => onOrder(engine, { id: '2', contactId: 'ada' }))
    await at('2026-05-25 10:00', 'ada buys', () => onOrder(engine, { id: '3', contactId: 'ada' }))
    await until('2027-01-01')
  },
})
