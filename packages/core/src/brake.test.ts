import { campaign, simulate } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, restart, stop, signal } = commands

const loop = (more: object = {}) =>
  campaign({
    id: 'loop',
    goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['round'] }],
    sequences: [{ id: 'round', steps: [{ id: 'one', kind: 'email' }], next: ['round'] }],
    ...more,
  })

describe('the brake', () => {
  const braked = scenario({ campaigns: [loop({ brake: 3 })] }).given(
    start('round'),
    stop('round'),
    start('round'),
    stop('round'),
    start('round'),
  )

  it('BRAKE-1: one start more than the campaign allows within an hour is refused, by hand', () => {
    const refused = { campaignId: 'loop', sequenceId: 'round', most: 3 }
    const rested = braked.given(stop('round'))
    rested.when(start('round')).thenRejected('TooManyStarts', refused)
    rested.at('PT59M59S').when(start('round')).thenRejected('TooManyStarts', refused)
    rested.at('PT1H').when(start('round')).thenAnswer({ outcome: 'started', run: 4 })
  })

  it('BRAKE-1: a refused restart stops nothing, and a start of a run in progress gets already_active', () => {
    braked.when(restart('round')).thenRejected('TooManyStarts', {})
    braked.when(start('round')).thenNothing({ outcome: 'already_active', run: 3 })
    braked.when(stop('round')).thenAnswer({ outcome: 'stopped', run: 3 })
  })

  it('BRAKE-1: a goal is satisfied all the same, and says that the brake closed its route', () => {
    braked
      .given(stop('round'))
      .when(signal('form-submitted'))
      .thenEvents(['GoalSatisfied', { routes: [{ to: 'round', outcome: 'brake' }] }])
  })

  it('BRAKE-1: a loop of a sequence ends after sixty rounds, as completed', () => {
    const { sent, events, cut, state } = simulate(loop(), {
      from: '2026-03-02T09:00:00.000Z',
      horizon: 'PT30M',
      inputs: [{ at: 'P0D', start: 'round' }],
    })
    expect([sent.length, cut]).toEqual([60, false])
    expect(events.at(-1)).toMatchObject({ type: 'SequenceCompleted', data: { routes: [{ outcome: 'brake' }] } })
    expect(state.enrollments[0]?.runs.at(-1)?.status).toBe('completed')
    expect(events.some(({ type }) => type === 'SequenceStopped')).toBe(false)
  })

  it('BRAKE-1: what waits between its rounds is never braked', () => {
    const slow = loop({
      sequences: [{ id: 'round', steps: [{ id: 'one', kind: 'email', timer: { after: 'PT1M' } }], next: ['round'] }],
    })
    const options = { from: '2026-03-02T09:00:00.000Z', horizon: 'PT3H', inputs: [{ at: 'P0D', start: 'round' }] }
    expect(simulate(slow, options).sent).toHaveLength(180)
  })

  it('BRAKE-1: the number is a whole one from 1', () => {
    for (const brake of [0, 1.5, '60', 10_001])
      expect(() => simulate(loop({ brake }), { from: '2026-03-02T09:00:00.000Z', inputs: [] })).toThrow('/brake')
  })
})
