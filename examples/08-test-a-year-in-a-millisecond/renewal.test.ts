import { simulate } from 'enfold'
import { commands, scenario } from 'enfold/testing'
import { describe, expect, it } from 'vitest'
import { renewal } from './renewal.ts'

const facts = { timeZone: 'America/New_York', fields: { birthday: '1980-02-29', ends: '2027-02-01' } }
const { signal, stop } = commands

describe('a year of a contract', () => {
  it('a year is played to its end: what goes out, and when', () => {
    const { sent, state } = simulate(renewal, {
      from: '2026-03-02T09:00:00.000Z',
      facts,
      inputs: [{ at: 'P0D', signal: { kind: 'contract-signed' } }],
      horizon: 'P400D',
    })
    expect(sent.map(({ stepId, at }) => `${stepId} ${at}`)).toEqual([
      'ending 2027-01-04T13:00:00.000Z',
      'call 2027-01-11T14:00:00.000Z',
      'birthday 2027-02-28T14:00:00.000Z',
    ])
    expect(state.enrollments[0]?.runs[0]?.status).toBe('waiting')
  })

  it('GOAL-3: a contact that renews gets nothing more', () => {
    const { sent } = simulate(renewal, {
      from: '2026-03-02T09:00:00.000Z',
      facts,
      inputs: [
        { at: 'P0D', signal: { kind: 'contract-signed' } },
        { at: '2026-12-01T00:00:00.000Z', signal: { kind: 'renewed' } },
      ],
    })
    expect(sent).toEqual([])
  })

  it('TIME-4: a contact without a date in the field is skipped, with the reason', () => {
    const { events } = simulate(renewal, {
      from: '2026-03-02T09:00:00.000Z',
      facts: { fields: { ends: '2027-02-01' } },
      inputs: [{ at: 'P0D', signal: { kind: 'contract-signed' } }],
    })
    expect(events.find(({ type }) => type === 'StepSkipped')).toMatchObject({
      data: { stepId: 'birthday', reason: 'field-empty' },
    })
  })
})

describe('a moment of it', () => {
  const signed = scenario({ campaigns: [renewal], facts, now: '2026-03-02T09:00:00.000Z' }).given(
    signal('contract-signed'),
  )

  it('STOP-1: nothing is sent after a stop', () => {
    const story = signed.given(stop('contract')).passed('P400D')
    expect(story.events.map(({ type }) => type)).toEqual(['GoalSatisfied', 'SequenceStarted', 'SequenceStopped'])
  })

  it('GOAL-2: renewing satisfies the goal of a member, and of nobody else', () => {
    signed.when(signal('renewed')).thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'contract', run: 1 }])
    scenario({ campaigns: [renewal] })
      .when(signal('renewed'))
      .thenNothing()
  })
})
