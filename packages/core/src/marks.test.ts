/** Which steps wait for a person: given events, what is marked. */
import { describe, expect, it } from 'vitest'
import type { ContactEvent, ContactEventData, ContactEventType } from './events.ts'
import { evolve, initialContact } from './fold.ts'
import { markChanges, markOf, marksOf, stepsWaiting, unplannedMarks } from './marks.ts'
import { isMark, parseTag, tagOf } from './tags.ts'

const at = (minute: number) => `2026-03-02T09:${String(minute).padStart(2, '0')}:00.000Z`
const enrollment = { campaignId: 'c', sequenceId: 's', run: 1 }
const sending = { ...enrollment, stepId: 'one', resend: 0, attempt: 1 }

let number = 0
function event<Type extends ContactEventType>(type: Type, data: ContactEventData[Type], minute = 0): ContactEvent {
  const id = `e${++number}`
  const meta = { id, schema: 1, commandId: id, correlationId: id, causationId: id, actor: null }
  return { type, data, at: at(minute), cause: { by: 'operator' }, ...meta } as unknown as ContactEvent
}

const started = (run = 1) => event('SequenceStarted', { ...enrollment, run, campaignVersion: 1, saw: [] } as never)
const dispatched = event('StepDispatched', { ...sending, idempotencyKey: 'k', timing: null } as never)
const failed = (consequence: 'retry' | 'continue' | 'stop' | 'hold', minute = 1, resend = 0) =>
  event('StepFailed', { ...sending, resend, reason: 'smtp-550', consequence, retryAt: null } as never, minute)
const resent = event('StepResent', { ...enrollment, stepId: 'one', resend: 1 })
const sent = (resend = 0) => event('StepSent', { ...sending, resend, receipt: null } as never, 3)
const stopped = (minute: number) => event('SequenceStopped', { ...enrollment } as never, minute)
const completed = event('SequenceCompleted', { ...enrollment, waiting: false } as never, 2)

const stateOf = (events: readonly ContactEvent[]) => events.reduce(evolve, initialContact)
const waitingAfter = (...events: readonly ContactEvent[]) =>
  stepsWaiting(stateOf([started(), dispatched, ...events])).map(({ mark, resend }) => `${mark} ${resend}`)

describe('steps that wait for a person', () => {
  it('STEP-5: a held step waits while its run goes on, also while it is paused', () => {
    expect(stepsWaiting(stateOf([started(), dispatched, failed('hold')]))).toEqual([
      { ...enrollment, stepId: 'one', mark: 'held', resend: 0, since: at(1), reason: 'smtp-550' },
    ])
    expect(waitingAfter(failed('hold'), event('SequencePaused', { ...enrollment } as never))).toEqual(['held 0'])
    expect(waitingAfter(failed('hold'), stopped(2))).toEqual([])
    expect(waitingAfter(failed('hold'), event('StepCancelled', { ...enrollment, stepId: 'one' }))).toEqual([])
    expect(waitingAfter(failed('hold'), resent, sent(1))).toEqual([])
    // The resend failed as well: it is the step that is held.
    expect(waitingAfter(failed('hold'), resent, failed('continue', 2, 1))).toEqual(['held 0'])
  })

  it('STEP-5: a step that failed for good waits until it is sent, its run is stopped later, or a new run begins', () => {
    expect(waitingAfter(failed('retry'))).toEqual([])
    expect(waitingAfter(failed('continue'))).toEqual(['failed 0'])
    expect(waitingAfter(failed('continue'), completed)).toEqual(['failed 0'])
    // Stopped because it failed, and stopped by somebody later.
    expect(waitingAfter(failed('stop'), stopped(1))).toEqual(['failed 0'])
    expect(waitingAfter(failed('continue'), stopped(2))).toEqual([])
    expect(waitingAfter(failed('continue'), resent)).toEqual(['failed 0'])
    expect(waitingAfter(failed('continue'), resent, failed('continue', 2, 1))).toEqual(['failed 1'])
    expect(waitingAfter(failed('continue'), resent, sent(1))).toEqual([])
    expect(waitingAfter(failed('continue'), completed, started(2))).toEqual([])
    expect(waitingAfter(failed('continue'), event('ContactErased', {} as never))).toEqual([])
    // What was sent once and failed when it was sent again is a failure, too.
    expect(waitingAfter(sent(), resent, failed('continue', 4, 1))).toEqual(['failed 1'])
  })
})

describe('marks', () => {
  it('INDEX-5: no tag of a sequence is a mark, whatever its ids are', () => {
    for (const id of ['~held', '~', 'c', 'a~b/c']) {
      expect(isMark(tagOf(id, id))).toBe(false)
      for (const mark of ['held', 'failed', 'unplanned'] as const)
        for (const tag of [markOf(mark), markOf(mark, id)]) expect([isMark(tag), parseTag(tag)]).toEqual([true, null])
    }
    expect(markOf('held', 'a/b')).toBe('~held/a%2Fb')
  })

  it('INDEX-5: changes of marks, one append after the other, come to the marks of the state', () => {
    const events = [started(), dispatched, failed('hold'), resent, sent(1), stopped(9), started(2)]
    const worn = new Set<string>()
    let state = initialContact
    const seen: number[] = []
    for (const one of events) {
      const after = evolve(state, one)
      for (const change of markChanges('ann', state, after, [one]))
        if (change.change === 'add') worn.add(change.tag)
        else if (change.change === 'remove') worn.delete(change.tag)
      expect([...worn].sort()).toEqual([...marksOf(after)].sort())
      seen.push(worn.size)
      state = after
    }
    expect(seen).toEqual([0, 0, 2, 2, 0, 0, 0])
  })

  it('TIME-5: a run that cannot be planned is marked until it ends', () => {
    const faults = [{ ...enrollment, error: new Error('no such timer') }]
    const start = started()
    const running = evolve(initialContact, start)
    const tags = [markOf('unplanned'), markOf('unplanned', 'c')]
    expect(unplannedMarks(faults)).toEqual(tags)
    expect(markChanges('ann', initialContact, running, [start], faults)).toEqual(
      tags.map((tag) => ({ change: 'add', contactId: 'ann', tag })),
    )
    const stop = stopped(2)
    expect(markChanges('ann', running, evolve(running, stop), [stop])).toEqual(
      tags.map((tag) => ({ change: 'remove', contactId: 'ann', tag })),
    )
    // Another run of the contact cannot be planned still.
    const other = [{ ...enrollment, campaignId: 'd', error: new Error('no such timer') }]
    expect(markChanges('ann', running, evolve(running, stop), [stop], other)).toEqual([
      { change: 'remove', contactId: 'ann', tag: markOf('unplanned', 'c') },
      { change: 'add', contactId: 'ann', tag: markOf('unplanned') },
      { change: 'add', contactId: 'ann', tag: markOf('unplanned', 'd') },
    ])
  })
})
