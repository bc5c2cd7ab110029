import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const welcome = campaign({
  id: 'welcome',
  goals: [
    { id: 'signed-up', when: { kind: 'signed-up' }, next: ['first-week'] },
    { id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'first-week',
      steps: [
        { id: 'hello', kind: 'email' },
        { id: 'how-it-works', kind: 'email', timer: { afterDays: 2, at: '08:00' }, expiresAfter: 'P2D' },
        { id: 'first-order', kind: 'email', timer: { afterDays: 3, at: '08:00' }, expiresAfter: 'P2D' },
      ],
      next: ['bought'],
    },
  ],
})
// #endregion campaign

// #region host
export async function onSignUp(engine: Engine, account: { id: string }) {
  orThrow(await engine.signal({ contactId: account.id, kind: 'signed-up', signalId: `sign-up/${account.id}` }))
}

export async function onOrder(engine: Engine, order: { id: string; accountId: string }) {
  orThrow(await engine.signal({ contactId: order.accountId, kind: 'purchased', signalId: `order/${order.id}` }))
}
// #endregion host

export default recipe({
  campaigns: [welcome],
  from: '2026-03-02',
  async story({ engine, at, until }) {
    await at('2026-03-02 09:00', 'ada signs up', () => onSignUp(engine, { id: 'ada' }))
    await at('2026-03-02 15:30', 'bob signs up', () => onSignUp(engine, { id: 'bob' }))
    await at('2026-03-02 15:31', 'bob reloads the page', () => onSignUp(engine, { id: 'bob' }))
    await at('2026-03-05 12:00', 'bob buys', () => onOrder(engine, { id: '7001', accountId: 'bob' }))
    await until('2026-04-01')
  },
})
