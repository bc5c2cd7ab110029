/** What the worker of the command line says while it works: a line for each answer of a handler, and for each trouble. */
import { describeDelivery, type Instant, instantOf } from '@enfold/core'
import type { EngineEvent } from '@enfold/engine'
import { messageOf } from './errors.ts'
import type { Streams } from './streams.ts'
import { counted, jsonText, named, paintFor, plain, sequenceName } from './text.ts'

export interface Reporter {
  readonly observe: (event: EngineEvent) => void
  say(text: string, value: object): void
  /** Worth knowing, and no trouble. Programs get it as values of what is said. */
  note(text: string): void
  hadTrouble(): boolean
  /** Says how many steps were answered, and when the next is due. */
  end(wakeAt: Instant | null): void
}

/** One line, as words and as what programs get. */
interface Line {
  readonly text: string
  readonly value: object
}

type EventOf<Type extends EngineEvent['type']> = Extract<EngineEvent, { readonly type: Type }>

export function createReporter({ stdout, stderr }: Streams, json: boolean): Reporter {
  const counts = { sent: 0, skipped: 0, failed: 0 }
  let troubles = 0

  function say(text: string, value: object): void {
    stdout.write(`${json ? jsonText(value) : text}\n`)
  }

  function note(text: string): void {
    if (!json) stderr.write(`${paintFor(stderr)('bold', plain(text))}\n`)
  }

  function observe(event: EngineEvent): void {
    if (event.type === 'step-answered') {
      counts[event.outcome.outcome] += 1
      const { text, value } = answerLine(event, instantOf(Date.now()))
      say(text, value)
      return
    }
    if (event.type === 'kinds-waiting') {
      for (const { text, value } of event.kinds.map(waitingLine)) {
        if (json) stderr.write(`${jsonText(value)}\n`)
        else note(text)
      }
      return
    }
    const trouble = troubleLine(event)
    if (trouble === null) return
    troubles += 1
    stderr.write(json ? `${jsonText(trouble.value)}\n` : `${paintFor(stderr)('red', plain(trouble.text))}\n`)
  }

  return {
    observe,
    say,
    note,
    hadTrouble: () => troubles > 0,
    end(wakeAt) {
      const { sent, skipped, failed } = counts
      const told = `${counted(sent, 'step')} sent, ${skipped.toLocaleString('en')} skipped, ${failed.toLocaleString('en')} failed`
      say(`at rest: ${told}; ${wakeAt === null ? 'nothing is to come' : `next at ${wakeAt}`}`, { ...counts, wakeAt })
    },
  }
}

function answerLine(
  { contactId, attempt, kind, outcome, error, deliverTo }: EventOf<'step-answered'>,
  at: Instant,
): Line {
  const again = attempt.resend === 0 ? '' : `, resend ${attempt.resend}`
  const reason = outcome.outcome === 'sent' ? '' : `: ${named(outcome.reason)}`
  const thrown = error === undefined ? {} : { error: messageOf(error) }
  const why = error === undefined ? '' : ` (${plain(messageOf(error))})`
  const instead = deliverTo === undefined ? '' : `, ${describeDelivery(deliverTo)}`
  return {
    text: `${at}  ${outcome.outcome} ${named(attempt.stepId)} of ${sequenceName(attempt)}, run ${attempt.run}, attempt ${attempt.attempt}${again}, for ${named(contactId)}${instead}${reason}${why}`,
    value: { at, contactId, ...attempt, kind, outcome, ...(deliverTo === undefined ? {} : { deliverTo }), ...thrown },
  }
}

function waitingLine({ kind, contacts, since }: EventOf<'kinds-waiting'>['kinds'][number]): Line {
  return {
    text: `no handler here for the kind ${named(kind)}: ${counted(contacts, 'contact')} due for it, the first since ${since}`,
    value: { waiting: kind, contacts, since },
  }
}

/** `null`: the event is no trouble. */
function troubleLine(event: EngineEvent): Line | null {
  switch (event.type) {
    case 'contact-failed':
      return failure(event, `${named(event.contactId)}: ${messageOf(event.error)}; it is tried again.`)
    case 'contact-not-planned': {
      const { contactId, run, error } = event
      return {
        text: `${named(contactId)}: ${sequenceName(run)}, run ${run.run}, cannot be planned, and none of its steps begins: ${messageOf(error)}`,
        value: { trouble: event.type, contactId, ...run, message: messageOf(error) },
      }
    }
    case 'contact-parked':
      return failure(
        event,
        `${named(event.contactId)}: parked, because an event cannot be shown: ${messageOf(event.error)}`,
      )
    case 'loop-failed':
      return {
        text: `${messageOf(event.error)} Tried again in ${event.pauseMs} ms.`,
        value: { trouble: event.type, message: messageOf(event.error) },
      }
    case 'lease-lost':
    case 'outcome-stale': {
      const what = event.type === 'lease-lost' ? 'another worker took over' : 'an outcome came too late'
      return {
        text: `${named(event.contactId)}: ${what}.`,
        value: { trouble: event.type, contactId: event.contactId },
      }
    }
    default:
      return null
  }
}

function failure({ type, contactId, error }: EventOf<'contact-failed' | 'contact-parked'>, text: string): Line {
  return { text, value: { trouble: type, contactId, message: messageOf(error) } }
}
