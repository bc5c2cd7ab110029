/** Holds the log, the mail server's record and the desk's acknowledgements against each other. Finds the first fault. */

import type { IndexReport } from 'enfold'
import { newestRun } from 'enfold/core'
import type { Attempt, Ledger } from './ledger.ts'
import type { Acceptance } from './mail-server.ts'
import type { Given } from './orders.ts'
import type { Ending } from './process.ts'

export interface Evidence {
  readonly onUnknown: 'retry' | 'hold'
  /** There was one worker: what is in flight when it is dead is exactly what it left. */
  readonly killsFollowed: boolean
  readonly ledger: Ledger
  readonly given: ReadonlyMap<string, Given>
  readonly mails: readonly Acceptance[]
  readonly endings: readonly Ending[]
  /** What workers dispatched and then left to others, because they came too late (`lease-lost`): by `nameOfAttempt`. */
  readonly leaseLost?: ReadonlySet<string>
  readonly index: IndexReport
}

export interface Verdict {
  readonly contacts: number
  /** Acknowledged and effective; the contact had not finished before. */
  readonly stops: number
  /** Different idempotency keys that the mail server has. */
  readonly sendings: number
  readonly dispatches: number
  /** Attempts of which nothing was ever recorded, or only that nothing is known, because their worker was killed. */
  readonly cutOff: number
  /** Attempts that a living worker left to another before the handler, because its lease was over (`lease-lost`). */
  readonly leftToOthers: number
  /** Attempts whose handler did not answer in time. */
  readonly timedOut: number
  /** Mails that the server has again, under the same key. */
  readonly repeats: number
  readonly held: number
  readonly resends: number
  /** Orders that were given again after a crash of the desk, and answered as before. */
  readonly answeredAgain: number
  /** Mails of a run that was stopped, begun after the acknowledgement of a stop that their dispatch preceded. */
  readonly begunAfterStop: number
  /** By how much the latest of those was later, in milliseconds. */
  readonly latestAfterStopMs: number
}

export interface Figures extends Verdict {
  readonly kills: number
  /** Kills that met something in flight. */
  readonly killsAtWork: number
  /** Of the database server. */
  readonly serverKills: number
  /** Those that met something in flight. */
  readonly serverKillsAtWork: number
  /** Of the campaign, each answered while a worker was at work that was then killed, or while one stood still (GATE-2). */
  readonly pauses: number
  /** Workers that stood still and woke again; those with something in flight; and pauses that were answered meanwhile. */
  readonly freezes: number
  readonly freezesAtWork: number
  readonly pausesWhileFrozen: number
  readonly seconds: number
  readonly stepsPerSecond: number
}

/** Of one attempt among all of a log. */
export function nameOfAttempt({ key, attempt }: Pick<Attempt, 'key' | 'attempt'>): string {
  return `${key} ${attempt}`
}

export function judge(evidence: Evidence): Verdict {
  const { ledger, given, mails, endings, index, onUnknown, leaseLost = new Set() } = evidence
  const check = (holds: boolean, rule: string, fault: string, what: unknown) => {
    if (!holds) throw new Error(`${rule}: ${fault}: ${JSON.stringify(what)}`)
  }

  check(ledger.violations.length === 0, 'AUDIT-4', 'events that may not stand there', ledger.violations)
  check(index.differences.length === 0, 'INDEX-3', 'the index differs', index.differences[0])
  check(index.counters.length === 0, 'FUNNEL-2', 'a counter differs', index.counters[0])
  check(index.contacts === ledger.contacts.size, 'INDEX-3', 'contacts are missing', index.contacts)
  for (const ending of endings) check(ending === 0, 'ONCE-3', 'a worker that was told to end ended with', ending)

  // Orders: acknowledged is recorded, once, and asking again gives the same answer.
  let answeredAgain = 0
  for (const [commandId, { order, answers, acknowledgedAt }] of given) {
    check(acknowledgedAt !== null, 'ONCE-3', 'an order was never acknowledged', order)
    const [answer, ...later] = answers
    answeredAgain += later.length
    const recorded = ledger.byCommand.get(commandId) ?? []
    if (answer?.outcome === 'not_active' && later.every((again) => again.outcome === 'not_active')) {
      check(recorded.length === 0, 'STOP-5', 'a stop of what is over left a trace', recorded)
      continue
    }
    check(recorded.length === 1, 'ONCE-1', 'an order was not recorded exactly once', { order, recorded })
    check(recorded[0]?.position === answer?.position, 'ONCE-3', 'an order was acknowledged and lost', { order, answer })
    for (const again of later)
      check(JSON.stringify(again) === JSON.stringify(answer), 'ONCE-1', 'an order was answered differently', answers)
  }

  // Contacts that were not stopped have had everything.
  let stops = 0
  for (const [contactId, { enrollments }] of ledger.contacts) {
    const run = newestRun(enrollments[0])
    const stopped = run?.status === 'stopped'
    if (stopped) {
      stops += 1
      check(given.has(contactId.replace('person', 'stop')), 'STOP-1', 'a stop that nobody ordered', contactId)
    } else {
      const sent = run?.steps.filter((step) => step.status === 'sent').length
      check(run?.status === 'completed' && sent === 2, 'STEP-4', 'a contact has not had everything', { contactId, run })
    }
  }

  // Sendings: each mail belongs to one attempt, and there is a second mail only where the first left no word.
  const copies = new Map<Attempt, Acceptance>()
  for (const mail of mails) {
    const attempts = ledger.sendings.get(mail.key)
    check(attempts !== undefined, 'STEP-4', 'a mail that was never dispatched', mail)
    // A worker that stood still may begin a mail after another has tried again.
    const isFree = (one: Attempt) => !copies.has(one) || !attempts?.some(({ frozen }) => frozen)
    const attempt = attempts?.findLast((one) => one.dispatchedAt <= mail.begunAt && isFree(one)) as Attempt
    check(attempt !== undefined, 'STEP-4', 'a mail that was begun before its dispatch', { mail, attempts })
    check(!copies.has(attempt), 'STEP-4', 'one attempt sent two mails', { mail, other: copies.get(attempt) })
    copies.set(attempt, mail)
  }
  let dispatches = 0
  let cutOff = 0
  let leftToOthers = 0
  let timedOut = 0
  let repeats = 0
  let held = 0
  for (const attempts of ledger.sendings.values()) {
    const taken = attempts.filter((attempt) => copies.has(attempt))
    if (taken.length > 1) {
      repeats += taken.length - 1
      check(onUnknown === 'retry', 'STEP-6', 'a step that may be sent at most once was repeated', attempts)
    }
    for (const attempt of attempts) {
      const { end, killed, frozen } = attempt
      // What an attempt before it came to was recorded while this one was under way: its own outcome was stale.
      const isStale = attempts.some(
        ({ end, position }) =>
          position < attempt.position && end?.type === 'StepSent' && end.position > attempt.position,
      )
      dispatches += 1
      const nothingKnown = end === null || end.reason === 'unknown-outcome'
      const isLeft = nothingKnown && !killed && leaseLost.has(nameOfAttempt(attempt))
      if (isLeft) {
        leftToOthers += 1
        check(!copies.has(attempt), 'STOP-6', 'sent by a worker that said it would not', attempts)
      } else if (nothingKnown && !isStale) cutOff += 1
      else if (end?.type === 'StepFailed' && !nothingKnown) timedOut += 1
      if (end?.consequence === 'hold') held += 1
      check(
        !nothingKnown || killed || frozen || isLeft || isStale,
        'STEP-6',
        'an outcome was not recorded, and no kill was the reason',
        attempts,
      )
      check(end?.type !== 'StepSent' || copies.has(attempt), 'STEP-4', 'recorded as sent and never arrived', attempts)
      // A worker that stood still, or whose database was away, records what it sent after another has tried again.
      const next = attempts.find(({ position }) => position > attempt.position)
      const isLate = end !== null && next !== undefined && end.position > next.position
      const mayBeRepeated = nothingKnown || end.type === 'StepFailed' || isLate
      if (taken.indexOf(attempt) < taken.length - 1 && copies.has(attempt))
        check(mayBeRepeated, 'STEP-6', 'a mail was repeated whose arrival was on record', attempts)
      if (onUnknown === 'hold' && evidence.killsFollowed && killed)
        check(end?.reason === 'unknown-outcome', 'STEP-6', 'in flight at a kill, and not held', attempts)
    }
  }

  // Stops: nothing is dispatched after one; what had been dispatched before may be on its way.
  let begunAfterStop = 0
  let latestAfterStopMs = 0
  for (const { order, answers, acknowledgedAt } of given.values()) {
    if (order.verb !== 'stopSequence' || answers[0]?.outcome !== 'stopped') continue
    const { contactId } = order.order
    const stoppedAt = answers[0].position
    const own = [...ledger.sendings.values()].flat().filter((attempt) => attempt.contactId === contactId)
    for (const attempt of own) {
      check(attempt.position < stoppedAt, 'STOP-6', 'dispatched after an acknowledged stop', { attempt, stoppedAt })
      const lateMs = (copies.get(attempt)?.begunAt ?? 0) - (acknowledgedAt ?? 0)
      if (lateMs <= 0) continue
      begunAfterStop += 1
      latestAfterStopMs = Math.max(latestAfterStopMs, lateMs)
    }
  }

  return {
    contacts: ledger.contacts.size,
    stops,
    sendings: new Set(mails.map(({ key }) => key)).size,
    dispatches,
    cutOff,
    leftToOthers,
    timedOut,
    repeats,
    held,
    resends: [...given.values()].filter(({ order }) => order.verb === 'resendStep').length,
    answeredAgain,
    begunAfterStop,
    latestAfterStopMs,
  }
}
