import type { OfContact } from '../commands.ts'
import { byOperator, correlationOf, type DecisionBuilder, type HistoricEvent } from '../decision/builder.ts'
import { undoAppend } from '../decision/undoing.ts'
import { left, right } from '../either.ts'
import type { ContactEventData } from '../events.ts'
import { defineVerb, firstOf } from './verb.ts'

/** A signal was a mistake, such as an order that was none. */
export interface RetractSignal extends OfContact {
  readonly type: 'RetractSignal'
  readonly signalId: string
  /** True: a run that it started, and of which something was dispatched, is stopped. False: it is left alone. */
  readonly stopSent: boolean
  /** True: the waits of runs that go on again are longer by the gap. False: due instants are as they were. */
  readonly shift: boolean
}

/** Takes a signal back, and everything that its append did: each run by itself. UNDO-4. */
export const retractSignal = defineVerb<RetractSignal>()({
  command: 'RetractSignal',
  word: 'retract',
  summary: 'Takes a signal back: undoes the starts and stops that it led to. Nothing undoes the retraction',
  about: 'received',
  permission: ['signal', 'start', 'stop'],
  readsFacts: false,
  readsPublished: true,
  takes: { stopSent: 'flag', shift: 'flag' },
  outcomes: ['retracted', 'already_retracted'],
  unchanged: ['already_retracted'],
  answers: { results: 'undone' },
  recordedBy: 'SignalRetracted',
  decide(command, decision) {
    const { contactId, signalId, stopSent, shift } = command
    const before = retractionOf(decision, signalId)
    if (before !== null) return right({ outcome: 'already_retracted', results: before.results })
    const appended = appendOf(decision, signalId)
    if (appended.length === 0) return left({ type: 'SignalUnknown', contactId, signalId })
    const goals = appended.flatMap(({ type, data }) => {
      if (type !== 'GoalSatisfied') return []
      const { campaignId, goalId, campaignVersion } = data
      return [{ campaignId, goalId, campaignVersion }]
    })
    const options = { stopSent, shift, isWhole: false, commandId: command.commandId }
    const why = byOperator(command)
    const results: ContactEventData['SignalRetracted']['results'][number][] = []
    // Filled while the runs are undone, each on the state that the one before left.
    decision.add('SignalRetracted', { signalId, goals, results }, why)
    const following = { ...why, causationId: decision.lastEventId(), correlationId: correlationOf(command) }
    results.push(...undoAppend(decision, appended, options, following))
    return right(null)
  },
  answerFrom: (added) => ({ outcome: 'retracted', results: firstOf(added, 'SignalRetracted').results }),
})

function retractionOf(decision: DecisionBuilder, signalId: string): ContactEventData['SignalRetracted'] | null {
  for (const { type, data } of decision.stream())
    if (type === 'SignalRetracted' && data.signalId === signalId) return data
  return null
}

/** Everything that was recorded with the signal; empty: it left no trace, or never came. */
function appendOf(decision: DecisionBuilder, signalId: string): readonly HistoricEvent[] {
  const history = decision.stream()
  const first = history.find(
    ({ type, data }) =>
      (type === 'SignalReceived' || type === 'SignalsDropped' || type === 'GoalSatisfied') &&
      data.signalId === signalId,
  )
  return first === undefined ? [] : history.filter(({ commandId }) => commandId === first.commandId)
}
