/** Why something happened, as the end of a sentence. */
import { NOBODY } from '../deliver-to.ts'
import type { NewEvent } from '../events.ts'
import {
  goalInWords,
  idInWords,
  runInWords,
  stepNameInWords,
  valueInWords,
  visibleText,
  type Wording,
} from './wording.ts'

/**
 * Who or what brought an event about, as the end of a sentence: `${describeEvent(event)}, ${describeCause(event)}`.
 *
 * @example
 * describeCause(stopped) // 'by luis: "asked by phone"'
 * describeCause(satisfied) // 'by the signal order-1 (purchased)'
 */
export function describeCause(event: NewEvent, wording: Wording = {}): string {
  const { actor, cause } = event
  switch (cause.by) {
    case 'operator':
      return `by ${actor === null ? 'an operator' : idInWords(actor)}${because(cause.reason)}`
    case 'bulk':
      return `by the bulk action ${idInWords(cause.actionId)}${orderedBy(actor)}${because(cause.reason)}`
    case 'signal':
      return `by the signal ${idInWords(cause.signalId)} (${visibleText(cause.kind)})${actor === null ? '' : `, given by ${idInWords(actor)}`}`
    case 'goal':
      return `by the goal ${goalInWords(cause, wording)}`
    case 'sequence':
      return `by the end of ${runInWords(cause, wording)}`
    case 'step':
      return stepCause(event, cause.stepId, wording)
  }
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${valueInWords(reason)}`
}

function orderedBy(actor: string | null): string {
  return actor === null ? '' : `, ordered by ${idInWords(actor)}`
}

/** A step's own events say what moved the step; any other names the step. */
function stepCause({ type, data }: NewEvent, stepId: string, wording: Wording): string {
  if (type === 'StepDispatched' && data.attempt > 1) return 'as the next attempt'
  if (type === 'StepDispatched' || (type === 'StepSkipped' && data.attempt === 0))
    return data.resend > 0 ? 'as ordered' : 'on its schedule'
  if (type === 'StepSent') return data.deliverTo === NOBODY ? 'without its handler' : 'by its handler'
  const name = 'sequenceId' in data ? stepNameInWords({ ...data, stepId }, wording) : idInWords(stepId)
  return `by the step ${name}`
}
