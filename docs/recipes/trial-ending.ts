import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const trial = campaign({
  id: 'trial',
  goals: [
    { id: 'began', when: { kind: 'trial-began' }, next: ['ending'] },
    { id: 'subscribed', when: { kind: 'subscribed' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'ending',
      vars: { ends: { data: 'ends' } },
      steps: [
        {
          id: 'three-days-left',
          kind: 'email',
          timer: { var: 'ends', offsetDays: -3, occurrence: 'exact', at: '09:00' },
        },
        { id: 'last-day', kind: 'email', timer: { var: 'ends', offsetDays: -1, occurrence: 'exact', at: '09:00' } },
        { id: 'downgrade', kind: 'downgrade', timer: { var: 'ends', offset: 'PT0S' }, onFailure: 'hold' },
        { id: 'what-was-missing', kind: 'email', timer: { afterDays: 2, at: '09:00' } },
      ],
      next: ['subscribed'],
    },
  ],
})
// #endregion campaign

// #region host
export async function onTrial(engine: Engine, trial: { accountId: string; ends: string }) {
  const signal = { contactId: trial.accountId, kind: 'trial-began', data: { ends: trial.ends } }
  orThrow(await engine.signal({ ...signal, signalId: `trial/${trial.accountId}` }))
}

/** A variable of a run never changes: a new end needs a new run. Moments that have passed are skipped. */
export async function onExtended(engine: Engine, it: { id: string; accountId: string; ends: string; by: string }) {
  const order = { contactId: it.accountId, campaignId: 'trial', sequenceId: 'ending', actor: it.by }
  orThrow(await engine.restartSequence({ ...order, vars: { ends: it.ends }, commandId: `extension/${it.id}` }))
}

export async function onSubscribed(engine: Engine, accountId: string) {
  orThrow(await engine.signal({ contactId: accountId, kind: 'subscribed' }))
}
// #endregion host

export default recipe({
  campaigns: [trial],
  from: '2026-03-02',
  async story({ engine, at, until }) {
    const ends = '2026-03-16T12:00:00Z'
    await at('2026-03-02 12:00', 'ada begins a trial', () => onTrial(engine, { accountId: 'ada', ends }))
    await at('2026-03-02 12:00', 'bob begins a trial', () => onTrial(engine, { accountId: 'bob', ends }))
    await at('2026-03-02 12:00', 'cem begins a trial', () => onTrial(engine, { accountId: 'cem', ends }))
    await at('2026-03-14 10:00', 'bob subscribes', () => onSubscribed(engine, 'bob'))
    await at('2026-03-15 15:00', 'olga gives cem five more days', () =>
      onExtended(engine, { id: '1', accountId: 'cem', ends: '2026-03-20T12:00:00Z', by: 'olga' }),
    )
    await until('2026-04-01')
  },
})
