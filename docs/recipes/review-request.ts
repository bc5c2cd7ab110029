import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const review = campaign({
  id: 'review',
  goals: [
    { id: 'delivered', when: { kind: 'delivered' }, next: ['ask'] },
    { id: 'reviewed', when: [{ kind: 'reviewed' }, { kind: 'returned' }], achievableBy: 'members', same: 'order' },
    { id: 'unhappy', when: { kind: 'reviewed', match: { stars: { atMost: 2 } } }, next: ['care'] },
  ],
  sequences: [
    {
      id: 'ask',
      vars: { order: { data: 'order' } },
      per: 'order',
      steps: [
        {
          id: 'how-do-you-like-it',
          kind: 'email',
          if: { none: [{ tag: 'open-complaint' }] },
          timer: { afterDays: 10, at: '10:00' },
        },
        {
          id: 'one-more-time',
          kind: 'email',
          if: { none: [{ tag: 'open-complaint' }] },
          timer: { afterDays: 7, at: '10:00' },
        },
      ],
      next: ['reviewed'],
    },
    { id: 'care', vars: { order: { data: 'order' } }, per: 'order', steps: [{ id: 'call', kind: 'task' }] },
  ],
})
// #endregion campaign

// #region host
export async function onDelivered(engine: Engine, order: { id: string; contactId: string }) {
  const signal = { contactId: order.contactId, kind: 'delivered', data: { order: order.id } }
  orThrow(await engine.signal({ ...signal, signalId: `delivered/${order.id}` }))
}

export async function onReview(engine: Engine, review: { order: string; contactId: string; stars: number }) {
  const { contactId, ...data } = review
  orThrow(await engine.signal({ contactId, kind: 'reviewed', data, signalId: `review/${review.order}` }))
}
// #endregion host

export default recipe({
  campaigns: [review],
  from: '2026-03-02',
  async story({ engine, people, at, until }) {
    await at('2026-03-02 14:00', 'order 1 of ada is delivered', () =>
      onDelivered(engine, { id: '1', contactId: 'ada' }),
    )
    await at('2026-03-05 14:00', 'order 2 of bob is delivered', () =>
      onDelivered(engine, { id: '2', contactId: 'bob' }),
    )
    await at('2026-03-14 20:00', 'ada gives two stars', () =>
      onReview(engine, { order: '1', contactId: 'ada', stars: 2 }),
    )
    await at('2026-03-20 09:00', 'bob complains on the phone', async () => {
      people.set('bob', { tags: ['open-complaint'] })
    })
    await until('2026-04-01')
  },
})
