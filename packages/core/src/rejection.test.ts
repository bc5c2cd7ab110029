import { describe, expect, it } from 'vitest'
import { nearestFirst } from './nearest.ts'
import { campaignUnknown, describeRejection } from './rejection.ts'

const published = (...ids: readonly string[]) => ids.map((campaignId) => ({ campaignId }))

describe('START-6: the sentence on an unknown id', () => {
  it.each([
    ['what was meant', 'pol', ['garden', 'pool'], 'There is no campaign "pol". Did you mean "pool"?'],
    ['which there are', 'x', ['garden', 'pool'], 'There is no campaign "x". Known are "garden", "pool".'],
    [
      'some of those that there are',
      'x',
      ['aaa', 'bbb', 'ccc', 'ddd', 'eee', 'fff'],
      'There is no campaign "x". Among the known are "aaa", "bbb", "ccc", "ddd", "eee".',
    ],
    ['that there is none', 'x', [], 'There is no campaign "x". Nothing is published in this store.'],
  ])('%s', (_, id, ids, sentence) => {
    expect(describeRejection(campaignUnknown(id, published(...ids)))).toBe(sentence)
  })

  it('the sequence or step that was meant', () => {
    const sequence = { campaignId: 'pool', sequenceId: 'nurtrue' }
    expect(describeRejection({ type: 'SequenceUnknown', ...sequence, known: ['nurture', 'vip'] })).toBe(
      'The campaign "pool" has no sequence "nurtrue". Did you mean "nurture"?',
    )
    const step = { ...sequence, stepId: 'x', campaignVersion: 2 }
    expect(describeRejection({ type: 'StepUnknown', ...step, known: ['one', 'two'] })).toBe(
      'Version 2 of the sequence "nurtrue" has no step "x". Known are "one", "two".',
    )
  })

  it('nothing more, where those that there are were left out', () => {
    expect(describeRejection({ type: 'CampaignUnknown', campaignId: 'pol' })).toBe('There is no campaign "pol".')
  })
})

it('START-6: five ids are named, those near first and the nearest before the others', () => {
  const known = ['aaaaaa', 'bbbbbb', 'nurt', 'cccccc', 'nurtures', 'nurture', '__proto__']
  expect(nearestFirst('nurture', known)).toEqual(['nurture', 'nurtures', 'aaaaaa', 'bbbbbb', 'nurt'])
})
