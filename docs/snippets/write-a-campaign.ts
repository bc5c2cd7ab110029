// #region campaign
import { campaign, defineCampaign, isLeft } from 'enfold'

export const poolOwners = campaign({
  id: 'pool-owners',
  name: '7 Mistakes Pool Owners Make',
  timeZone: 'America/Chicago',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'pool-guide' } }, next: ['nurture'] },
    { id: 'bought', when: { kind: 'purchased', match: { product: 'robot' } }, next: ['onboarding'] },
    { id: 'leave', when: { kind: 'tag-applied', match: { tag: 'stop-mail' } } },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'mistake-1', kind: 'email', params: { template: 'mistake-1' } },
        {
          id: 'mistake-2',
          kind: 'email',
          timer: { afterDays: 2, at: '08:00' },
          params: { template: 'mistake-2' },
          expiresAfter: 'P2D',
        },
      ],
      next: ['bought', 'leave'],
    },
    { id: 'onboarding', steps: [{ id: 'welcome', kind: 'email', onUnknown: 'hold' }], next: ['leave'] },
  ],
})
// #endregion campaign

// #region problems
const wrong = defineCampaign({
  id: 'pool-owners',
  goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurtur'] }],
  sequences: [
    { id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email', timer: { after: '2 hours' }, maxAttemps: 3 }] },
  ],
})
if (isLeft(wrong)) for (const { path, message } of wrong.left.problems) console.log(path, message)
// #endregion problems

// #region warnings
const suspicious = defineCampaign({
  id: 'pool-owners',
  goals: [],
  sequences: [{ id: 'nurture', steps: [{ id: 'mistake-1', kind: 'email' }], next: ['nurture'] }],
})
if (!isLeft(suspicious)) for (const { path, message } of suspicious.right.warnings) console.log(path, message)
// #endregion warnings

const right = defineCampaign(poolOwners)
if (isLeft(right) || right.right.warnings.length > 0) throw new Error('the first campaign of the page is not right')
