import { campaign, type Engine, orThrow } from 'enfold'
import { recipe } from './stage.ts'

// #region campaign
const HOLIDAYS = ['2026-12-24', '2026-12-25', '2026-12-26', '2026-12-31', '2027-01-01']

const quiet = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], except: HOLIDAYS, keepTime: true } as const

export const course = campaign({
  id: 'course',
  goals: [{ id: 'enrolled', when: { kind: 'enrolled' }, next: ['lessons'] }],
  sequences: [
    {
      id: 'lessons',
      steps: [
        { id: 'lesson-1', kind: 'email', timer: { afterDays: 1, at: '08:00', window: quiet } },
        { id: 'lesson-2', kind: 'email', timer: { afterDays: 1, at: '08:00', window: quiet } },
        { id: 'lesson-3', kind: 'email', timer: { afterDays: 1, at: '08:00', window: quiet } },
        { id: 'lesson-4', kind: 'email', timer: { afterDays: 1, at: '08:00', window: quiet } },
      ],
    },
  ],
})
// #endregion campaign

// #region host
/** For a day that nobody knew when the campaign was published. */
export async function beQuiet(engine: Engine, actor: string, reason: string) {
  orThrow(await engine.pauseCampaign('course', { actor, reason }))
}

/** What fell due meanwhile goes at most so fast, so that the server is not flooded. */
export async function goOn(engine: Engine, actor: string) {
  const pace = { most: 500, per: 'PT1H' }
  orThrow(await engine.resumeCampaign('course', { actor, overdue: 'send', pace }))
}
// #endregion host

export default recipe({
  campaigns: [course],
  from: '2026-12-01',
  async story({ engine, at, until }) {
    const enrol = (contactId: string) => async () => orThrow(await engine.signal({ contactId, kind: 'enrolled' }))
    await at('2026-12-22 15:00', 'ada enrols', enrol('ada'))
    await at('2027-01-04 15:00', 'bob enrols', enrol('bob'))
    await at('2027-01-05 20:00', 'olga pauses: a day of mourning', () => beQuiet(engine, 'olga', 'mourning'))
    await at('2027-01-07 09:30', 'olga resumes', () => goOn(engine, 'olga'))
    await until('2027-02-01')
  },
})
