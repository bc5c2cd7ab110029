import { campaign, describeEvent, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const guide = campaign({
  id: 'pool-guide',
  // Kept for this day: which form, which text of consent, and from where.
  signals: { 'form-submitted': { keep: ['form', 'consent', 'page'] } },
  goals: [{ id: 'asked', when: { kind: 'form-submitted', match: { form: 'pool-guide' } }, next: ['tips'] }],
  sequences: [
    {
      id: 'tips',
      steps: [
        { id: 'the-guide', kind: 'email' },
        { id: 'tip', kind: 'email', timer: { afterDays: 14, at: '08:00' } },
        { id: 'another-tip', kind: 'email', timer: { afterDays: 14, at: '08:00' } },
      ],
    },
  ],
})
// #endregion campaign

// #region host
/** First nothing more is sent. Then: which mails, each with what it goes back to, and what was agreed to. */
export async function onComplaint(engine: Engine, contactId: string, actor: string): Promise<readonly string[]> {
  orThrow(await engine.suppress({ contactId, actor, reason: 'complaint' }))
  const answer: string[] = []
  const history = await engine.inspect.history(contactId)
  for (const event of history) {
    if (event.type === 'SignalReceived') answer.push(`${event.at} ${JSON.stringify(event.data.data)}`)
    if (event.type !== 'StepSent') continue
    const { chain } = await engine.inspect.explain({ contactId, eventId: event.id })
    const root = chain.at(-1)?.event ?? event
    answer.push(`${event.at} ${describeEvent(event)}, because ${root.at} ${describeEvent(root)}`)
  }
  return answer
}
// #endregion host

export default recipe({
  campaigns: [guide],
  from: '2026-03-02',
  async story({ engine, at, until, print }) {
    const data = { form: 'pool-guide', consent: 'text of 2026-01', page: '/pool-guide' }
    await at('2026-03-02 09:00', 'ada sends the form', async () =>
      orThrow(await engine.signal({ contactId: 'ada', kind: 'form-submitted', data, signalId: 'form/1' })),
    )
    await at('2026-03-18 10:00', 'ada: "I never asked for this mail."', async () => {
      for (const line of await onComplaint(engine, 'ada', 'olga')) print(`    ${line}`)
    })
    await until('2026-06-01')
  },
})
