import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
export const nurturing = campaign({
  id: 'nurturing',
  goals: [
    { id: 'lead', when: { kind: 'stage-moved', match: { stage: 'lead' } }, next: ['learn'] },
    {
      id: 'qualified',
      when: [
        { kind: 'stage-moved', match: { stage: 'qualified' } },
        { kind: 'score-changed', match: { score: { atLeast: 50 } } },
      ],
      achievableBy: 'members',
      next: ['compare'],
    },
    { id: 'won', when: { kind: 'stage-moved', match: { stage: 'won' } } },
    { id: 'lost', when: { kind: 'stage-moved', match: { stage: 'lost' } }, next: ['later'] },
  ],
  sequences: [
    {
      id: 'learn',
      steps: [
        { id: 'guide', kind: 'email' },
        { id: 'webinar', kind: 'email', timer: { afterWeekdays: 3, at: '09:00' } },
        { id: 'checklist', kind: 'email', timer: { afterWeekdays: 4, at: '09:00' } },
      ],
      next: ['qualified', 'won', 'lost'],
    },
    {
      id: 'compare',
      steps: [
        { id: 'call', kind: 'task' },
        { id: 'prices', kind: 'email', timer: { afterWeekdays: 1, at: '09:00' } },
        { id: 'reference', kind: 'email', timer: { afterWeekdays: 4, at: '09:00' } },
      ],
      next: ['won', 'lost'],
    },
    {
      id: 'later',
      steps: [{ id: 'what-is-new', kind: 'email', timer: { afterDays: 90, at: '09:00' } }],
      next: ['qualified', 'won'],
    },
  ],
})
// #endregion campaign

// #region host
/** `id`: of the row in your history of stages. */
export async function onStage(engine: Engine, move: { id: string; contactId: string; stage: string }) {
  const signal = { contactId: move.contactId, kind: 'stage-moved', data: { stage: move.stage } }
  orThrow(await engine.signal({ ...signal, signalId: `stage/${move.id}` }))
}

export async function onScore(engine: Engine, contactId: string, score: number) {
  orThrow(await engine.signal({ contactId, kind: 'score-changed', data: { score } }))
}
// #endregion host

export default recipe({
  campaigns: [nurturing],
  from: '2026-03-02',
  async story({ engine, at, until }) {
    const move = (id: string, contactId: string, stage: string) => () => onStage(engine, { id, contactId, stage })
    await at('2026-03-02 10:00', 'ada is a lead', move('1', 'ada', 'lead'))
    await at('2026-03-02 11:00', 'bob is a lead', move('2', 'bob', 'lead'))
    await at('2026-03-06 16:00', 'ada scores 60', () => onScore(engine, 'ada', 60))
    await at('2026-03-10 12:00', 'bob is lost', move('3', 'bob', 'lost'))
    await at('2026-03-11 12:00', 'ada is won', move('4', 'ada', 'won'))
    await until('2026-07-01')
  },
})
