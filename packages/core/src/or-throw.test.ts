import { left, orThrow, RejectionError, right } from '@enfold/core'
import { expect, it } from 'vitest'

it('orThrow returns the answer itself', () => {
  const answer = { outcome: 'started' }
  expect(orThrow(right(answer))).toBe(answer)
})

it('orThrow throws a rejection, as its sentence and as data', () => {
  const rejection = { type: 'CampaignUnknown', campaignId: 'pool' } as const
  const thrown = () => orThrow(left(rejection))
  expect(thrown).toThrow(RejectionError)
  expect(thrown).toThrow(expect.objectContaining({ message: 'There is no campaign "pool".', rejection }))
})
