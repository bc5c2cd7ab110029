export const poolOwners = {
  id: 'pool-owners',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'pool-guide' } }, next: ['nurture'] },
    { id: 'bought', when: { kind: 'purchased' }, next: ['welcome'] },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email' },
        { id: 'mistake-2', kind: 'email', timer: { after: 'PT5S' } },
        { id: 'mistake-3', kind: 'email', timer: { afterDays: 2, at: '08:00' } },
      ],
      next: ['bought'],
    },
    { id: 'welcome', steps: [{ id: 'thank-you', kind: 'email' }] },
  ],
}
