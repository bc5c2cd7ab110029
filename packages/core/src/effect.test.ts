import { campaign, commandOf, describeScheduleChange, effectOf, isLeft, isRight, type VerbName } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const daily = (id: string) => ({ id, kind: 'email', timer: { after: 'P1D' } })
const course = campaign({
  id: 'course',
  goals: [],
  sequences: [
    { id: 's', steps: [daily('a'), daily('b'), daily('c')] },
    { id: 'other', steps: [daily('x')] },
  ],
})
const underway = scenario({ campaigns: [course] }).given(commands.start('s'), commands.start('other'))

/** What an order would change, in words. */
function changes(verb: VerbName, order: object): readonly string[] {
  const ids = { contactId: 'contact', campaignId: 'course', sequenceId: 's', commandId: 'k', actor: null }
  const effect = effectOf(commandOf(verb, { ...ids, ...order }), underway.state, underway.context)
  return isRight(effect) ? effect.right.changes.map((one) => describeScheduleChange(one)) : [effect.left.type]
}

describe('the effect of an order on the schedule', () => {
  it('SHIFT-1, SHIFT-2: the next step moves from one instant to another, and other runs stay', () => {
    const due = 'a of course/s, run 1: from 2026-03-03T09:00:00.000Z to'
    expect(changes('rescheduleStep', { stepId: 'a', dueAt: '2026-03-07T09:00:00.000Z' })).toEqual([
      `${due} 2026-03-07T09:00:00.000Z`,
    ])
    expect(changes('shiftRun', { by: 'P2D' })).toEqual([`${due} 2026-03-05T09:00:00.000Z`])
    expect(changes('sendNow', {})).toEqual([`${due} 2026-03-02T09:00:00.000Z`])
  })

  it('SKIP-1, JUMP-1, STOP-1: another step stands next, or none', () => {
    expect(changes('skipStep', { stepId: 'a' })).toEqual([
      'b of course/s, run 1: due 2026-03-03T09:00:00.000Z, instead of a',
    ])
    expect(changes('moveRun', { toStep: 'c', wait: 'none' })).toEqual([
      'c of course/s, run 1: due 2026-03-02T09:00:00.000Z, instead of a',
    ])
    expect(changes('stopSequence', {})).toEqual(['Nothing more is to come of course/s, run 1'])
  })

  it('JUMP-2, START-2: a run that is opened, and an order that changes nothing', () => {
    expect(changes('moveRun', { toSequence: 's', toStep: 'c' })).toEqual([
      'Nothing more is to come of course/s, run 1',
      'c of course/s, run 2: due 2026-03-03T09:00:00.000Z',
    ])
    expect(changes('startSequence', {})).toEqual([])
    expect(changes('rescheduleStep', { stepId: 'c', dueAt: '2026-03-20T09:00:00.000Z' })).toEqual([])
  })

  it('what is refused says why, and nothing is changed by asking', () => {
    expect(changes('moveRun', { toSequence: 'other' })).toEqual(['EnrollmentActive'])
    const unknown = {
      type: 'SkipStep',
      contactId: 'contact',
      campaignId: 'course',
      sequenceId: 's',
      stepId: 'z',
    } as const
    expect(isLeft(effectOf({ ...unknown, commandId: 'k', actor: null }, underway.state, underway.context))).toBe(true)
    expect(underway.state.version).toBe(2)
  })
})
