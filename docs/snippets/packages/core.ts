import { simulate } from '@enfold/core'

const { sent } = simulate(
  {
    id: 'pool-owners',
    goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['welcome'] }],
    sequences: [
      {
        id: 'nurture',
        steps: [
          { id: 'mistake-1', kind: 'email' },
          { id: 'mistake-2', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
          { id: 'mistake-3', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
        ],
        next: ['bought'],
      },
      { id: 'welcome', steps: [{ id: 'thank-you', kind: 'email' }] },
    ],
  },
  {
    from: '2026-03-02T09:00:00.000Z',
    facts: { timeZone: 'Europe/Berlin' },
    inputs: [
      { at: 'P0D', start: 'nurture' },
      { at: 'P3D', signal: { kind: 'purchased' } },
    ],
  },
)
for (const { at, sequenceId, stepId } of sent) console.log(at, sequenceId, stepId)
