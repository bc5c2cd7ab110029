import { createHash } from 'node:crypto'
import { type ContactDirectory, campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const guide = campaign({
  id: 'guide',
  goals: [
    {
      id: 'asked',
      when: { kind: 'form-submitted', match: { form: 'guide' } },
      next: [
        { to: 'short', if: { field: 'half', equals: 'a' } },
        { to: 'long', otherwise: true },
      ],
    },
    { id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members' },
  ],
  sequences: [
    { id: 'short', steps: [{ id: 'all-in-one', kind: 'email' }], next: ['bought'] },
    {
      id: 'long',
      steps: [
        { id: 'part-1', kind: 'email' },
        { id: 'part-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        { id: 'part-3', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
      ],
      next: ['bought'],
    },
  ],
})
// #endregion campaign

// #region host
/** The same half for a contact on every machine, and another split for each test. */
export function halfOf(test: string, contactId: string): 'a' | 'b' {
  const [byte = 0] = createHash('sha256').update(`${test}/${contactId}`).digest()
  return byte < 128 ? 'a' : 'b'
}

export const contacts: ContactDirectory = {
  get: (contactId) => ({ fields: { half: halfOf('guide-2026', contactId) } }),
}

/** How many of those that began a sequence bought while they were in it. */
export async function resultOf(engine: Engine): Promise<readonly string[]> {
  const { sequences = [], goals = [] } = (await engine.inspect.funnel('guide')) ?? {}
  const bought = goals.find(({ goalId }) => goalId === 'bought')
  return sequences.map(({ sequenceId, started }) => {
    const { runs = 0 } = bought?.from.find((one) => one.sequenceId === sequenceId) ?? {}
    return `${sequenceId}: ${runs} of ${started} bought`
  })
}
// #endregion host

export default recipe({
  campaigns: [guide],
  from: '2026-03-02',
  async story({ engine, people, at, until, print }) {
    for (const contactId of ['ada', 'bob', 'cem']) people.set(contactId, (await contacts.get(contactId)) ?? {})
    const ask = (contactId: string) => async () =>
      orThrow(await engine.signal({ contactId, kind: 'form-submitted', data: { form: 'guide' } }))
    await at('2026-03-02 09:00', 'ada asks for the guide', ask('ada'))
    await at('2026-03-02 10:00', 'bob asks for the guide', ask('bob'))
    await at('2026-03-02 11:00', 'cem asks for the guide', ask('cem'))
    await at('2026-03-05 12:00', 'bob buys', async () =>
      orThrow(await engine.signal({ contactId: 'bob', kind: 'purchased' })),
    )
    await until('2026-04-01')
    for (const line of await resultOf(engine)) print(line)
  },
})
