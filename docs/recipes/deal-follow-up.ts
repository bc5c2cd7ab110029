import { campaign, type Engine, orThrow, type StepCall } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const deals = campaign({
  id: 'deals',
  goals: [
    { id: 'offered', when: { kind: 'stage-moved', match: { stage: 'offer' } }, next: ['follow-up'] },
    {
      id: 'decided',
      when: { kind: 'stage-moved', match: { stage: { in: ['won', 'lost'] } } },
      achievableBy: 'members',
      same: 'deal',
    },
  ],
  sequences: [
    {
      id: 'follow-up',
      vars: { deal: { data: 'deal' }, owner: { data: 'owner' }, value: { data: 'value' } },
      per: 'deal',
      steps: [
        { id: 'any-questions', kind: 'email', timer: { afterWeekdays: 2, at: '10:00' } },
        { id: 'call', kind: 'task', if: { var: 'value', atLeast: 10_000 }, timer: { afterWeekdays: 2, at: '09:00' } },
        { id: 'offer-ends', kind: 'email', timer: { afterWeekdays: 6, at: '10:00' } },
        { id: 'close-it', kind: 'task', timer: { afterWeekdays: 5, at: '09:00' } },
      ],
      next: ['decided'],
    },
  ],
})
// #endregion campaign

// #region host
interface Move {
  readonly id: string
  readonly deal: string
  /** The person at the customer's who gets the mail. */
  readonly contactId: string
  readonly stage: string
  readonly owner: string
  readonly value: number
}

export async function onDealMoved(engine: Engine, { id, contactId, ...data }: Move) {
  orThrow(await engine.signal({ contactId, kind: 'stage-moved', data, signalId: `deal-move/${id}` }))
}

/** A handler knows the deal and its owner. */
export const taskOf = ({ step, key, vars }: StepCall) => `${step.id}: deal ${key}, for ${vars?.owner}`
// #endregion host

export default recipe({
  campaigns: [deals],
  from: '2026-03-02',
  shows: (call) => (call.step.kind === 'task' ? `[${taskOf(call)}]` : ''),
  async story({ engine, at, until }) {
    const pump = { deal: 'pump', contactId: 'ada', owner: 'olga', value: 2500 }
    const plant = { deal: 'plant', contactId: 'ada', owner: 'luis', value: 80_000 }
    await at('2026-03-02 11:00', 'ada gets an offer for a pump', () =>
      onDealMoved(engine, { ...pump, id: '1', stage: 'offer' }),
    )
    await at('2026-03-03 11:00', 'ada gets an offer for a plant', () =>
      onDealMoved(engine, { ...plant, id: '2', stage: 'offer' }),
    )
    await at('2026-03-09 15:00', 'the pump is won', () => onDealMoved(engine, { ...pump, id: '3', stage: 'won' }))
    await until('2026-04-01')
  },
})
