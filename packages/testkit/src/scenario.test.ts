import { isEnfoldFault, tagChanges } from '@enfold/core'
import { commands, projection, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, signal, dispatch, report } = commands
const story = scenario({
  campaigns: [
    {
      id: 'c',
      goals: [{ id: 'g', when: { kind: 'k' }, next: ['s'] }],
      sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email', maxAttempts: 2 }] }],
    },
  ],
})
const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'nothing was thrown'
}

describe('what a verdict says when it is wrong', () => {
  it('LOG-2: other events', () => {
    const began = story.when(start('s'))
    expect(messageOf(() => began.thenEvents(['SequenceStarted', { run: 2 }]))).toContain(
      'events[0].data.run is 1, not 2.',
    )
    expect(messageOf(() => began.thenEvents())).toContain('events[0] is too many')
    expect(messageOf(() => began.thenEvents('SequenceStarted', 'StepSent'))).toContain('events[1] is missing')
    expect(messageOf(() => began.thenEvents('SequenceStopped'))).toContain('expected the events\n  "SequenceStopped"')
    expect(messageOf(() => began.thenNothing())).toContain('expected no event, but it came to')
  })

  it('LOG-2: another answer, and one with less or more in it', () => {
    const began = story.when(start('s'))
    expect(messageOf(() => began.thenAnswer({ outcome: 'started', run: 2 }))).toContain('answer.run is 1, not 2.')
    expect(messageOf(() => began.thenAnswer({ outcome: 'started' } as never))).toContain(
      'answer.run is 1, not undefined.',
    )
  })

  it('LOG-2: a refusal where none was expected, and the other way round', () => {
    const refused = story.when(start('x'))
    expect(messageOf(() => refused.thenEvents('SequenceStarted'))).toContain('refused with {"type":"SequenceUnknown"')
    expect(messageOf(() => refused.thenRejected('CampaignUnknown'))).toContain('rejection.type is "SequenceUnknown"')
    expect(messageOf(() => refused.thenNothing())).toContain('refused')
    expect(messageOf(() => story.when(start('s')).thenRejected('CampaignUnknown'))).toContain('it came to')
    expect(messageOf(() => story.given(start('x')))).toContain('a story holds what was done')
  })

  it('LOG-2: what is right passes', () => {
    story.when(start('s')).thenEvents('SequenceStarted').thenAnswer({ outcome: 'started', run: 1 })
    story.when(start('x')).thenRejected('SequenceUnknown')
    story.when(stop('s')).thenNothing({ outcome: 'not_active', run: 0 })
  })
})

describe('a story', () => {
  it('LOG-5: a story is immutable: two ends share a beginning', () => {
    const began = story.given(start('s'))
    expect(began.given(stop('s')).events).toHaveLength(2)
    expect(began.events).toHaveLength(1)
    expect(story.events).toHaveLength(0)
  })

  it('ONCE-1: a story draws the same ids in every run', () => {
    const ids = () =>
      story
        .given(start('s'))
        .dispatched()
        .events.map((event) => event.id)
    expect(ids()).toEqual(ids())
    story
      .given(signal('k', { signalId: 'x' }))
      .when(signal('k', { signalId: 'x' }))
      .thenEvents()
  })

  it('STEP-6: a lost worker is found dead by the next look', () => {
    const lost = story.given(start('s')).dispatched(() => 'lost')
    lost.when(dispatch()).thenEvents(['StepDispatched', { attempt: 2 }])
    const types = story
      .given(start('s'))
      .passed('P1D', () => 'lost')
      .events.map((event) => event.type)
    expect(types).toEqual(['SequenceStarted', 'StepDispatched', 'StepDispatched', 'StepFailed', 'SequenceCompleted'])
  })

  it('TIME-1: a story moves by durations and to instants, and refuses what is neither', () => {
    expect(story.at('PT1H').now).toBe('2026-03-02T10:00:00.000Z')
    expect(story.at('2026-04-01T00:00:00.000Z').at('P1D').now).toBe('2026-04-02T00:00:00.000Z')
    for (const run of [() => story.at('soon'), () => scenario({ campaigns: [{}] }), () => story.unpublish('x')])
      expect(() => run()).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    expect(isEnfoldFault(new Error('x'))).toBe(false)
  })
})

describe('a story of a paused campaign', () => {
  it('GATE-1, GATE-3: nothing passes while it is paused, and waits are longer by the pause', () => {
    const steps = [{ id: 'a', kind: 'email', timer: { after: 'PT2H' } }]
    const begun = scenario({ campaigns: [{ id: 'c', goals: [], sequences: [{ id: 's', steps }] }] }).given(start('s'))
    const paused = begun
      .at('PT1H')
      .pauseCampaign({ sequences: ['s'] })
      .passed('P1D')
    expect(paused.events).toHaveLength(1)
    const resumed = paused.resumeCampaign().passed('PT59M')
    expect(resumed.events).toHaveLength(1)
    expect(resumed.passed('PT1M').events.map(({ type }) => type)).toContain('StepSent')
    expect(() => begun.pauseCampaign({ sequences: ['x'] })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    expect(() => begun.resumeCampaign({ campaignId: 'x' })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })
})

describe('a story of keyed runs', () => {
  it('KEY-2: a report is for the run of its key, and no other worker is taken for dead', () => {
    const sequence = { id: 's', per: 'of', vars: { of: { data: 'of' } }, steps: [{ id: 'a', kind: 'email' }] }
    const begun = scenario({ campaigns: [{ id: 'c', goals: [], sequences: [sequence] }] })
      .given(start('s', { key: 'x' }), start('s', { key: 'y' }))
      .given(dispatch())
    begun.when(dispatch()).thenNothing()
    begun
      .when(report('s', 'a', { outcome: 'sent' }, { key: 'y' }))
      .thenEvents(['StepSent', { key: 'y', run: 1, attempt: 1 }], ['SequenceCompleted', { key: 'y' }])
  })
})

describe('a projection', () => {
  it('INDEX-1: changes of some events are computed after others', () => {
    const { events } = story.given(start('s'), stop('s'))
    const [first, second] = events as [(typeof events)[number], (typeof events)[number]]
    const tags = projection(tagChanges)
    tags
      .when(first)
      .thenChanges(
        { change: 'add', contactId: 'contact', tag: 'c/s' },
        { change: 'remove', contactId: 'contact', tag: 'c/s~waiting' },
      )
    expect(messageOf(() => tags.given(first).when(second).thenChanges())).toContain('"change":"remove"')
    expect(messageOf(() => tags.when(first).thenChanges())).toContain('changes[0] is too many')
  })
})
