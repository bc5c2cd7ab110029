// #region year
import { simulate } from 'enfold'

const nurture = {
  id: 'pool-owners',
  timeZone: 'America/Chicago',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: [] }],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { afterWeekdays: 2, at: '08:00' } },
        {
          id: 'birthday',
          kind: 'email',
          timer: { field: 'birthday', offsetDays: -7, at: '09:00', occurrence: 'next' },
        },
        { id: 'season', kind: 'email', timer: { on: '2027-03-01T09:00' } },
      ],
      next: ['bought'],
    },
  ],
}

const { sent, state, wakeAt } = simulate(nurture, {
  from: '2026-03-06T20:00:00.000Z',
  facts: { timeZone: 'Europe/Berlin', fields: { birthday: '1980-02-29' } },
  inputs: [
    { at: 'P0D', start: 'nurture' },
    { at: 'P1D', pause: 'nurture' },
    { at: 'P5D', resume: 'nurture' },
  ],
})
for (const { at, stepId } of sent) console.log(at, stepId)
console.log(state.enrollments[0]?.runs[0]?.status, wakeAt)
// #endregion year
