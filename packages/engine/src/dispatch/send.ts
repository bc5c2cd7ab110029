/** One dispatched step: the call of its handler, and the outcome as a command. */
import {
  type AttemptRef,
  type ContactEventOf,
  type ContactId,
  derivedCommandId,
  epochMsOf,
  type Instant,
  instantOf,
  pauseNow,
  type RecordOutcome,
  refOf,
  requireRun,
  type StepCall,
  type StepHandler,
  type StepOutcome,
} from '@enfold/core'
import { deliverToBy } from '../deliver-to.ts'
import type { EngineContext } from '../engine-context.ts'
import type { DispatchOptions } from '../engine-options.ts'
import { varsIn } from '../inspect/contact-questions.ts'
import type { Kinds } from '../kinds.ts'
import type { ContactSnapshot } from '../load-contact.ts'
import { inSpan, recordError } from '../telemetry.ts'
import { callHandler } from './handler-call.ts'
import { type Holding, isStillHeld } from './holding.ts'

export type Dispatched = ContactEventOf<'StepDispatched'>

export interface Sender {
  readonly context: EngineContext
  readonly kinds: Kinds
  readonly options: DispatchOptions
  /** Handlers that were called and have not answered. */
  inFlight: number
}

/** What a handler answered, and where it was to send instead of to the contact (DELIVER-3). */
export interface Answered {
  readonly outcome: StepOutcome
  readonly deliverTo?: string
}

/** Calls the handler; `null` if it must not be called any more. */
export async function send(
  sender: Sender,
  event: Dispatched,
  holding: Holding,
  known: ContactSnapshot,
  giveUp: AbortSignal,
): Promise<Answered | null> {
  const { clock, observe } = sender.context
  if (!(await mayBegin(sender, event, holding))) return null
  const call = callOf(sender, event, holding.claim.contactId, known)
  const handler = handlerFor(sender.kinds, call.step.kind)
  const deliverTo = deliverToBy(handler)
  const redirected = deliverTo === undefined ? {} : { deliverTo }
  const about = { contactId: call.contactId, attempt: attemptOf(event.data), kind: call.step.kind, ...redirected }
  const now = clock.now()
  const lagMs = Math.max(0, epochMsOf(now) - epochMsOf(event.data.timing?.dueAt ?? now))
  observe({ type: 'step-dispatched', ...about, lagMs })
  const startedAt = performance.now()
  const { outcome, error } = await called(sender, handler, call, giveUp)
  const durationMs = performance.now() - startedAt
  observe({ type: 'step-answered', ...about, outcome, durationMs, ...(error === undefined ? {} : { error }) })
  return { outcome, ...redirected }
}

/**
 * Whether the worker still has its claim, and the campaign is not paused where the log could not check that in the append.
 * Then the campaign as it was seen is good for `viewMs` (GATE-2): a process that stood still since, or whose append took as
 * long, looks once more before it begins. A pause waits twice as long for its answer, so a look that itself took
 * nearly as long says nothing of now, and another follows.
 */
async function mayBegin(
  { context: { campaigns, observe, viewMs }, options }: Sender,
  { data }: Dispatched,
  holding: Holding,
): Promise<boolean> {
  const isHeld = () => isStillHeld(observe, options, holding, attemptOf(data))
  if (viewMs === null) return isHeld()
  for (let mostMs = viewMs; campaigns.ageMs() > mostMs; mostMs = 1.5 * viewMs) {
    if (!isHeld()) return false
    await campaigns.refresh()
  }
  return isHeld() && pauseNow(campaigns.catalog.find(data.campaignId), data.sequenceId) === null
}

function called(sender: Sender, handler: StepHandler, call: Omit<StepCall, 'signal'>, giveUp: AbortSignal) {
  const { exceptionMessages, handlerTimeoutMs } = sender.options
  const attributes = {
    'enfold.contact': call.contactId,
    'enfold.campaign': call.campaignId,
    'enfold.step': call.step.id,
    'enfold.kind': call.step.kind,
  }
  return inSpan('enfold.dispatch', attributes, async (span) => {
    sender.inFlight += 1
    const answer = await callHandler(handler, call, handlerTimeoutMs, giveUp).finally(() => {
      sender.inFlight -= 1
    })
    span.setAttribute('enfold.outcome', answer.outcome.outcome)
    if (answer.error !== undefined) recordError(span, answer.error, exceptionMessages)
    return answer
  })
}

/** It was there when the step was dispatched; a host's function that gives it no more fails this attempt. */
function handlerFor(kinds: Kinds, kind: string): StepHandler {
  return kinds.handlerOf(kind) ?? (() => ({ outcome: 'failed', reason: 'handler-withdrawn' }))
}

function callOf(
  { context }: Sender,
  { data }: Dispatched,
  contactId: ContactId,
  { state, facts }: ContactSnapshot,
): Omit<StepCall, 'signal'> {
  const { campaignId, sequenceId, run, stepId, occurrence, attempt, resend, idempotencyKey } = data
  const known = requireRun(state, data)
  const { campaignVersion } = known
  const { campaign } = context.campaigns.catalog.version(campaignId, campaignVersion)
  const found = campaign.sequences.get(sequenceId)?.steps.find((one) => one.id === stepId)
  if (found === undefined) throw new Error(`Version ${campaignVersion} of ${campaignId} has no step ${stepId}.`)
  const step = { ...found, params: found.params ?? {} }
  return {
    contactId,
    ...refOf(data),
    run,
    ...varsIn(known),
    step,
    facts: facts ?? {},
    attempt,
    resend,
    ...(occurrence === undefined ? {} : { occurrence }),
    idempotencyKey,
  }
}

/** What the handler answered, as a command that records it. */
export function outcomeOf(
  sender: Sender,
  contactId: ContactId,
  data: Dispatched['data'],
  { outcome, ...redirected }: Answered,
): RecordOutcome {
  const attempt = attemptOf(data)
  return {
    type: 'RecordOutcome',
    // The same for the same attempt, so that recording it twice is recording it once.
    commandId: derivedCommandId('outcome', data.idempotencyKey, String(attempt.attempt)),
    actor: null,
    contactId,
    ...attempt,
    outcome,
    ...redirected,
    retryAt: retryAt(sender, attempt.attempt, outcome),
  }
}

/** Capped exponential back-off with full jitter, never before what the handler was told. */
function retryAt({ context, options }: Sender, attempt: number, outcome: StepOutcome): Instant {
  // Of an attempt that is not repeated nobody asks.
  if (outcome.outcome !== 'failed') return context.clock.now()
  const { baseMs, capMs } = options.backOff
  const jittered = context.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
  return instantOf(epochMsOf(context.clock.now()) + Math.max(jittered, outcome.retryAfterMs ?? 0))
}

export function attemptOf(ref: AttemptRef): AttemptRef {
  const { run, stepId, occurrence, resend, attempt } = ref
  return { ...refOf(ref), run, stepId, ...(occurrence === undefined ? {} : { occurrence }), resend, attempt }
}
