/**
 * The welcome: a mail at once, another one three days later at eight, and no more of them once the contact has bought.
 * Change it as you like: contacts that are in it go on with the version that they began.
 */
import { campaign } from 'enfold'

export const welcome = campaign({
  id: 'welcome',
  timeZone: 'UTC',
  goals: [
    { id: 'signed-up', when: { kind: 'signed-up' }, next: ['letters'] },
    { id: 'bought', when: { kind: 'purchased' } },
  ],
  sequences: [
    {
      id: 'letters',
      steps: [
        { id: 'hello', kind: 'email' },
        { id: 'how-is-it', kind: 'email', timer: { afterDays: 3, at: '08:00' } },
      ],
      next: ['bought'],
    },
  ],
})
