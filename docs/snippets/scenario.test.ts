// #region scenario
import { commands, scenario } from 'enfold/testing'
import { it } from 'vitest'
import { poolOwners } from './write-a-campaign.ts'

const { start, stop, signal, cancel } = commands
const story = scenario({ campaigns: [poolOwners], now: '2026-03-02T15:00:00.000Z' })

it('a purchase ends the mistakes and starts the welcome', () => {
  story
    .given(start('nurture'))
    .passed('P1D')
    .when(signal('purchased', { data: { product: 'robot' } }))
    .thenEvents(
      ['GoalSatisfied', { goalId: 'bought' }],
      ['SequenceStopped', { sequenceId: 'nurture', run: 1 }],
      ['SequenceStarted', { sequenceId: 'onboarding', run: 1 }],
    )
})

it('a stopped contact can be started again, from the first step', () => {
  story
    .given(start('nurture'), stop('nurture'))
    .when(start('nurture'))
    .thenEvents(['SequenceStarted', { run: 2 }])
    .thenAnswer({ outcome: 'started', run: 2 })
})

it('a mistake that was sent cannot be cancelled', () => {
  story.given(start('nurture')).passed('PT1H').when(cancel('nurture', 'mistake-1')).thenRejected('StepAlreadySent')
})

it('a worker that dies during the welcome leaves the step for an operator', () => {
  story
    .given(start('onboarding'))
    .dispatched(() => 'lost')
    .when(commands.dispatch())
    .thenEvents(['StepFailed', { reason: 'unknown-outcome', consequence: 'hold' }])
})
// #endregion scenario
