import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const renewal = campaign({
  id: 'renewal',
  goals: [
    { id: 'settled', when: [{ kind: 'renewed' }, { kind: 'cancelled' }], achievableBy: 'members', same: 'contract' },
    { id: 'term-began', when: [{ kind: 'signed' }, { kind: 'renewed' }], next: ['remind'] },
  ],
  sequences: [
    {
      id: 'remind',
      vars: { contract: { data: 'contract' }, ends: { data: 'ends' }, value: { data: 'value' } },
      per: 'contract',
      steps: [
        { id: 'thirty-days', kind: 'email', timer: { var: 'ends', offsetDays: -30, occurrence: 'exact', at: '09:00' } },
        {
          id: 'call',
          kind: 'task',
          if: { var: 'value', atLeast: 5000 },
          timer: { var: 'ends', offsetDays: -14, occurrence: 'exact', at: '09:00' },
        },
        { id: 'a-week', kind: 'email', timer: { var: 'ends', offsetDays: -7, occurrence: 'exact', at: '09:00' } },
        { id: 'ended', kind: 'email', timer: { var: 'ends', offsetDays: 1, occurrence: 'exact', at: '09:00' } },
      ],
      next: ['settled'],
    },
  ],
})
// #endregion campaign

// #region host
interface Term {
  readonly contract: string
  readonly contactId: string
  readonly ends: string
  readonly value: number
}

/** `kind`: "signed" for the first term, "renewed" for each that follows. */
export async function onTerm(engine: Engine, kind: 'signed' | 'renewed', { contactId, ...term }: Term) {
  const signalId = `contract/${term.contract}/${term.ends}`
  orThrow(await engine.signal({ contactId, kind, data: term, signalId }))
}

export async function onCancelled(engine: Engine, { contactId, contract }: Pick<Term, 'contactId' | 'contract'>) {
  orThrow(await engine.signal({ contactId, kind: 'cancelled', data: { contract } }))
}
// #endregion host

export default recipe({
  campaigns: [renewal],
  from: '2026-01-01',
  async story({ engine, at, until }) {
    const small = { contract: 'C-1', contactId: 'ada', ends: '2026-06-30', value: 900 }
    const large = { contract: 'C-2', contactId: 'ada', ends: '2026-07-31', value: 12_000 }
    await at('2026-01-15 10:00', 'ada signs C-1 until 30 June', () => onTerm(engine, 'signed', small))
    await at('2026-02-01 10:00', 'ada signs C-2 until 31 July', () => onTerm(engine, 'signed', large))
    await at('2026-06-10 10:00', 'ada renews C-1 until 31 December', () =>
      onTerm(engine, 'renewed', { ...small, ends: '2026-12-31' }),
    )
    await at('2026-07-20 10:00', 'ada cancels C-2', () => onCancelled(engine, large))
    await until('2027-02-01')
  },
})
