import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
const office = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '17:00' } as const

export const outreach = campaign({
  id: 'outreach',
  goals: [
    { id: 'replied', when: { kind: 'mail-replied' }, achievableBy: 'members', next: ['answer'] },
    { id: 'booked', when: { kind: 'meeting-booked' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'write',
      steps: [
        { id: 'first', kind: 'email', timer: { after: 'PT0S', window: office } },
        { id: 'second', kind: 'email', timer: { afterWeekdays: 3, at: '09:30', window: office } },
        { id: 'call', kind: 'task', timer: { afterWeekdays: 2, at: '09:00' } },
        { id: 'last', kind: 'email', timer: { afterWeekdays: 4, at: '09:30', window: office } },
      ],
      next: ['replied', 'booked'],
    },
    { id: 'answer', steps: [{ id: 'answer-the-reply', kind: 'task' }] },
  ],
})
// #endregion campaign

// #region host
const write = { campaignId: 'outreach', sequenceId: 'write' }

/** The button of a salesperson. */
export async function onStart(engine: Engine, contactId: string, actor: string) {
  return orThrow(await engine.startSequence({ ...write, contactId, actor, reason: 'met at the fair' }))
}

/** From the mailbox. `auto`: it has the header Auto-Submitted, as out-of-office notes do. */
export async function onReply(engine: Engine, mail: { id: string; contactId: string; auto: boolean }) {
  const signal = { contactId: mail.contactId, kind: 'mail-replied', automated: mail.auto }
  orThrow(await engine.signal({ ...signal, signalId: `mail/${mail.id}` }))
  if (!mail.auto) return
  // Away: everything a week later.
  const order = { ...write, contactId: mail.contactId, actor: 'mailbox', by: 'P7D' }
  orThrow(await engine.shiftRun({ ...order, commandId: `away/${mail.id}` }))
}
// #endregion host

export default recipe({
  campaigns: [outreach],
  from: '2026-03-02',
  async story({ engine, at, until }) {
    await at('2026-03-02 18:00', 'olga starts it for ada', () => onStart(engine, 'ada', 'olga'))
    await at('2026-03-02 18:01', 'olga starts it for bob', () => onStart(engine, 'bob', 'olga'))
    await at('2026-03-03 08:01', 'bob is away, says an automatic reply', () =>
      onReply(engine, { id: 'm1', contactId: 'bob', auto: true }),
    )
    await at('2026-03-09 15:00', 'ada replies', () => onReply(engine, { id: 'm2', contactId: 'ada', auto: false }))
    await until('2026-04-01')
  },
})
