import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const reminders = campaign({
  id: 'event-reminders',
  goals: [
    // In this order: a new time ends the old reminders, then begins new ones.
    { id: 'off', when: [{ kind: 'cancelled' }, { kind: 'moved' }], achievableBy: 'members', same: 'event' },
    { id: 'on', when: [{ kind: 'booked' }, { kind: 'moved' }], next: ['remind'] },
  ],
  sequences: [
    {
      id: 'remind',
      vars: { event: { data: 'event' }, startsAt: { data: 'startsAt' } },
      per: 'event',
      steps: [
        { id: 'tomorrow', kind: 'email', timer: { var: 'startsAt', offset: '-P1D' }, expiresAfter: 'PT6H' },
        { id: 'in-an-hour', kind: 'sms', timer: { var: 'startsAt', offset: '-PT1H' }, expiresAfter: 'PT30M' },
        { id: 'how-was-it', kind: 'email', timer: { var: 'startsAt', offset: 'PT20H' } },
      ],
      next: ['off'],
    },
  ],
})
// #endregion campaign

// #region host
/** `id`: of the row that says so. `startsAt` with its offset: "2026-03-10T18:00:00+01:00". */
interface Change {
  readonly id: string
  readonly kind: 'booked' | 'moved' | 'cancelled'
  readonly event: string
  readonly startsAt: string
}

/** A change of one booking, or of an event: then for each of its guests. */
export async function onChange(engine: Engine, { id, kind, ...data }: Change, guests: readonly string[]) {
  for (const contactId of guests) orThrow(await engine.signal({ contactId, kind, data, signalId: `change/${id}` }))
}
// #endregion host

export default recipe({
  campaigns: [reminders],
  from: '2026-03-01',
  async story({ engine, at, until }) {
    const talk = { event: 'talk', startsAt: '2026-03-10T18:00:00+01:00' }
    const later = { event: 'talk', startsAt: '2026-03-12T18:00:00+01:00' }
    await at('2026-03-02 09:00', 'ada books the talk on 10 March', () =>
      onChange(engine, { id: '1', kind: 'booked', ...talk }, ['ada']),
    )
    await at('2026-03-02 09:30', 'bob books it', () => onChange(engine, { id: '2', kind: 'booked', ...talk }, ['bob']))
    await at('2026-03-05 12:00', 'the talk moves to 12 March', () =>
      onChange(engine, { id: '3', kind: 'moved', ...later }, ['ada', 'bob']),
    )
    await at('2026-03-11 20:00', 'bob cancels', () =>
      onChange(engine, { id: '4', kind: 'cancelled', ...later }, ['bob']),
    )
    await at('2026-03-12 15:30', 'cem books at short notice', () =>
      onChange(engine, { id: '5', kind: 'booked', ...later }, ['cem']),
    )
    await until('2026-04-01')
  },
})
