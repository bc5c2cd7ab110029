/** The campaign under test: four weeks before a contract ends a letter, then a call, and a card on the next birthday. */
import { campaign } from 'enfold'

export const renewal = campaign({
  id: 'renewal',
  timeZone: 'Europe/Berlin',
  goals: [
    { id: 'signed', when: { kind: 'contract-signed' }, next: ['contract'] },
    { id: 'renewed', when: { kind: 'renewed' }, achievableBy: 'members' },
  ],
  sequences: [
    {
      id: 'contract',
      steps: [
        { id: 'ending', kind: 'email', timer: { field: 'ends', offsetDays: -28, at: '08:00', occurrence: 'exact' } },
        {
          id: 'call',
          kind: 'task',
          timer: {
            afterWeekdays: 5,
            window: { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '09:00', to: '17:00' },
          },
        },
        { id: 'birthday', kind: 'email', timer: { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'next' } },
      ],
      next: ['renewed'],
    },
  ],
})
