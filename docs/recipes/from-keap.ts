import { campaign } from 'enfold'
import { carryOn, cutShort, type Standing } from './carry-on.ts'
import { recipe } from './stage.ts'

// #region campaign
export const course = campaign({
  id: 'pool-owners',
  goals: [
    { id: 'asked', when: { kind: 'tag-applied', match: { tag: 'pool-guide' } }, next: ['nurture'] },
    { id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        { id: 'mistake-3', kind: 'email', timer: { afterDays: 3, at: '08:00' } },
      ],
      next: ['bought'],
    },
  ],
})
// #endregion campaign

// #region host
/** `GET /v1/tags/{id}/contacts`, for the tag that the sequence applies when it begins. */
interface TaggedContact {
  readonly contact: { readonly id: number }
  readonly date_applied: string
}
/** `GET /v1/emails?contact_id=…` */
interface SentEmail {
  readonly contact_id: number
  readonly subject: string
  readonly sent_date: string
}

/** Subjects in the order of the steps, as far as no merge field changes them. */
const STEPS = [
  ['Mistake 1:', 'mistake-1'],
  ['Mistake 2:', 'mistake-2'],
  ['Mistake 3:', 'mistake-3'],
] as const

export function standingsOf(tagged: readonly TaggedContact[], emails: readonly SentEmail[]): Standing[] {
  const ms = (date: string) => Date.parse(date)
  return tagged.flatMap(({ contact, date_applied }) => {
    const mails = emails.filter((one) => one.contact_id === contact.id && ms(one.sent_date) >= ms(date_applied))
    const sentOf = (subject: string) => mails.find((mail) => mail.subject.startsWith(subject))
    const next = STEPS.find(([subject]) => sentOf(subject) === undefined)
    if (next === undefined) return []
    const sent = STEPS.flatMap(([subject]) => sentOf(subject) ?? [])
    const since = new Date(Math.max(ms(date_applied), ...sent.map((mail) => ms(mail.sent_date)))).toISOString()
    return [{ id: `keap/${contact.id}`, contactId: String(contact.id), stepId: next[1], since, due: [] }]
  })
}

/** `GET /v1/contacts` */
export const unsubscribedOf = (contacts: readonly { readonly id: number; readonly email_opted_in?: boolean }[]) =>
  contacts.filter((contact) => contact.email_opted_in === false).map(({ id }) => String(id))
// #endregion host

const tagged: readonly TaggedContact[] = [
  { contact: { id: 11 }, date_applied: '2026-02-20T10:15:00.000+00:00' },
  { contact: { id: 12 }, date_applied: '2026-02-27T16:40:00.000+00:00' },
  { contact: { id: 13 }, date_applied: '2026-02-28T09:00:00.000+00:00' },
  { contact: { id: 14 }, date_applied: '2026-03-02T07:30:00.000+00:00' },
  { contact: { id: 15 }, date_applied: '2026-03-03T11:59:30.000+00:00' },
]
const mail = (contact_id: number, subject: string, sent_date: string): SentEmail => ({ contact_id, subject, sent_date })
const emails: readonly SentEmail[] = [
  mail(11, 'Mistake 1: too much chlorine, Ada', '2026-02-20T10:16:00.000+00:00'),
  mail(11, 'Mistake 2: the cover', '2026-02-22T08:00:00.000+00:00'),
  mail(11, 'Mistake 3: the pump', '2026-02-25T08:00:00.000+00:00'),
  mail(12, 'Mistake 1: too much chlorine, Bob', '2026-02-27T16:41:00.000+00:00'),
  mail(13, 'Mistake 1: too much chlorine, Cem', '2026-02-28T09:01:00.000+00:00'),
  mail(13, 'Our spring offers', '2026-03-01T12:00:00.000+00:00'),
  mail(13, 'Mistake 2: the cover', '2026-03-02T08:00:00.000+00:00'),
  mail(14, 'Mistake 1: too much chlorine, Dan', '2026-03-02T07:31:00.000+00:00'),
]
const contacts = [{ id: 11, email_opted_in: true }, { id: 12, email_opted_in: false }, { id: 13 }]

export default recipe({
  campaigns: [course],
  from: '2026-02-01',
  async story({ store, at, until, print }) {
    print('11 had mistake-1, mistake-2, mistake-3')
    print('12 had mistake-1, and opted out')
    print('13 had mistake-1, mistake-2')
    print('14 had mistake-1')
    print('15 had nothing')
    const into = { campaignId: 'pool-owners', sequenceId: 'nurture' }
    await at('2026-03-03 12:00', 'the campaign in Keap is off: import', async () => {
      // Cut short, and repeated.
      await carryOn(store, into, cutShort(standingsOf(tagged, emails)), [])
      await carryOn(store, into, standingsOf(tagged, emails), unsubscribedOf(contacts))
    })
    await until('2026-04-01')
  },
})
