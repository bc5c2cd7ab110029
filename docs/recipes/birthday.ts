import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const birthday = campaign({
  id: 'birthday',
  fields: { birthday: { private: true } },
  goals: [
    { id: 'customer', when: { kind: 'became-customer' }, next: ['each-year'] },
    { id: 'left', when: { kind: 'unsubscribed' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'each-year',
      steps: [
        {
          id: 'congratulations',
          kind: 'email',
          timer: { field: 'birthday', offsetDays: 0, at: '08:00', occurrence: 'next' },
          expiresAfter: 'P1D',
        },
      ],
      next: ['each-year', 'left'],
    },
  ],
})
// #endregion campaign

// #region host
/** Only with a birthday: without one there is nothing to wait for. */
export async function onCustomer(engine: Engine, customer: { id: string; birthday: string | null }) {
  if (customer.birthday === null) return
  orThrow(await engine.signal({ contactId: customer.id, kind: 'became-customer', signalId: `customer/${customer.id}` }))
}

/** After the new date was saved: due times are computed again. */
export async function onBirthdayChanged(engine: Engine, contactId: string) {
  await engine.refreshContact(contactId)
}
// #endregion host

export default recipe({
  campaigns: [birthday],
  from: '2026-03-02',
  async story({ engine, people, at, until }) {
    const join = (id: string, birthday: string) => async () => {
      people.set(id, { fields: { birthday } })
      await onCustomer(engine, { id, birthday })
    }
    await at('2026-03-02 10:00', 'ada, born on 1 May 1980', join('ada', '1980-05-01'))
    await at('2026-03-02 10:05', 'bob, born on 29 February 1992', join('bob', '1992-02-29'))
    await at('2026-07-01 10:00', 'ada corrects it to 3 April', async () => {
      people.set('ada', { fields: { birthday: '1980-04-03' } })
      await onBirthdayChanged(engine, 'ada')
    })
    await until('2029-01-01')
  },
})
