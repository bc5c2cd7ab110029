/**
 * What does not go as it should, one line for each cause, at most once a minute: a dead database, a handler that always
 * throws, a kind that nobody handles, a directory that fails. Lines name causes and counts, never a contact, a message or
 * a parameter: they go where logs go.
 */
import type { Backlog, Instant, StepOutcome } from '@enfold/core'
import type { EngineEvent, Observer } from './engine-events.ts'
import { errorNames } from './error-names.ts'

/** Takes one line, without its end. */
export type Log = (line: string) => void

/** A kind whose handler failed again and again, and did nothing since. */
export interface FailingKind {
  readonly kind: string
  readonly failures: number
  readonly since: Instant
}

export interface Troubles {
  readonly observer: Observer
  /** Kinds of which the last ten attempts or more failed. */
  failing(): readonly FailingKind[]
}

const EVERY_MS = 60_000
const MOST_CAUSES = 1000
/** So many failures in a row, of whatever contacts, do not concern one contact only. */
const FAILURES_IN_A_ROW = 10

export function createTroubles(log: Log | null, now: () => Instant): Troubles {
  const causes = new Map<string, { count: number; saidAtMs: number }>()
  const failing = new Map<string, { failures: number; since: Instant }>()

  function say(cause: string, count = 1): void {
    if (log === null) return
    const known = causes.get(cause) ?? { count: 0, saidAtMs: Number.NEGATIVE_INFINITY }
    if (causes.size >= MOST_CAUSES) causes.clear()
    causes.set(cause, known)
    known.count += count
    const atMs = performance.now()
    if (atMs - known.saidAtMs < EVERY_MS) return
    const times = known.count === 1 ? '' : ` (${known.count} times)`
    Object.assign(known, { count: 0, saidAtMs: atMs })
    try {
      log(`enfold: ${cause}${times}`)
    } catch {
      // A log that throws has nobody left to tell.
    }
  }

  function answered(kind: string, outcome: StepOutcome, error: unknown): void {
    if (outcome.outcome !== 'failed') {
      failing.delete(kind)
      return
    }
    const known = failing.get(kind) ?? { failures: 0, since: now() }
    known.failures += 1
    failing.set(kind, known)
    if (outcome.reason.startsWith('handler-answered '))
      say(`the handler of ${JSON.stringify(kind)} did not say what became of the step: return { outcome: "sent" }`)
    else if (error !== undefined) say(`the handler of ${JSON.stringify(kind)} threw ${words(error)}`)
    else if (outcome.reason === 'timeout') say(`the handler of ${JSON.stringify(kind)} did not answer in time`)
  }

  return {
    observer(event: EngineEvent) {
      switch (event.type) {
        case 'step-answered':
          return answered(event.kind, event.outcome, event.error)
        case 'contact-failed':
          return say(`the work on a contact failed: ${words(event.error)}`)
        case 'contact-not-planned':
          return say(`a run of a contact cannot be planned: ${words(event.error)}`)
        case 'contact-parked':
          return say(`a contact was parked, an event of it cannot be projected: ${words(event.error)}`)
        case 'loop-failed':
          return say(`the dispatcher met a fault and tries again: ${words(event.error)}`)
        case 'projection-failed':
          return say(`index and agenda do not follow the log, another try comes: ${words(event.error)}`)
        case 'kinds-waiting':
          for (const one of event.kinds) say(waitingWords(one))
      }
    },
    failing: () => [...failing].flatMap(([kind, one]) => (one.failures >= FAILURES_IN_A_ROW ? [{ kind, ...one }] : [])),
  }
}

function words(error: unknown): string {
  const { name, code } = errorNames(error)
  return code === null ? name || 'an error' : `${name} ${code}`
}

function waitingWords({ kind, contacts, since }: Backlog): string {
  return `no handler here for the kind ${JSON.stringify(kind)}: ${contacts} ${contacts === 1 ? 'contact waits' : 'contacts wait'} for it since ${since}`
}

/** One line on stderr; nothing where there is none, as in a browser. */
export function toStderr(line: string): void {
  globalThis.process?.stderr?.write?.(`${line}\n`)
}
