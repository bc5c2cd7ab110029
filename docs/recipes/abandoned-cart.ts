import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const cart = campaign({
  id: 'cart',
  goals: [
    { id: 'left', when: { kind: 'cart-left' }, next: ['remind'] },
    { id: 'ordered', when: [{ kind: 'ordered' }, { kind: 'cart-emptied' }], achievableBy: 'members', same: 'cart' },
  ],
  sequences: [
    {
      id: 'remind',
      vars: { cart: { data: 'cart' }, total: { data: 'total' } },
      per: 'cart',
      steps: [
        { id: 'still-yours', kind: 'email', timer: { after: 'PT1H', window: { from: '08:00', to: '21:00' } } },
        { id: 'tomorrow', kind: 'email', timer: { after: 'P1D', window: { from: '08:00', to: '21:00' } } },
        { id: 'discount', kind: 'email', if: { var: 'total', atLeast: 100 }, timer: { after: 'P2D' } },
      ],
      next: ['ordered'],
    },
  ],
})
// #endregion campaign

// #region host
/** Every ten minutes, for carts that nobody has touched for half an hour. */
export async function onLeft(engine: Engine, cart: { id: string; contactId: string; total: number; touched: string }) {
  const data = { cart: cart.id, total: cart.total }
  const signalId = `cart/${cart.id}/${cart.touched}`
  orThrow(await engine.signal({ contactId: cart.contactId, kind: 'cart-left', data, signalId }))
}

export async function onOrdered(engine: Engine, order: { id: string; contactId: string; cart: string }) {
  const signal = { contactId: order.contactId, kind: 'ordered', data: { cart: order.cart } }
  orThrow(await engine.signal({ ...signal, signalId: `order/${order.id}` }))
}
// #endregion host

export default recipe({
  campaigns: [cart],
  from: '2026-03-02',
  async story({ engine, at, until }) {
    const a1 = { id: 'A-1', contactId: 'ada', total: 40, touched: '2026-03-02T08:30' }
    await at('2026-03-02 09:00', 'ada has left cart A-1', () => onLeft(engine, a1))
    await at('2026-03-02 09:10', 'the job finds it again', () => onLeft(engine, a1))
    await at('2026-03-02 22:30', 'ada has left cart A-2', () =>
      onLeft(engine, { id: 'A-2', contactId: 'ada', total: 180, touched: '2026-03-02T22:00' }),
    )
    await at('2026-03-03 09:00', 'ada orders what is in A-1', () =>
      onOrdered(engine, { id: '7002', contactId: 'ada', cart: 'A-1' }),
    )
    await until('2026-04-01')
  },
})
