/**
 * The life of a due step, for one claimed contact, from top to bottom:
 * decide what is due and append `StepDispatched` → call the handler → append the outcome.
 * Rules STEP-4 to STEP-9, STOP-6, ONCE-3. Who claims, how many at once and how often is the affair of `dispatch.ts`.
 */
import {
  type AttemptRef,
  type Claim,
  type ContactEvent,
  type ContactEventOf,
  type ContactId,
  type DispatchDue,
  derivedCommandId,
  epochMsOf,
  type Instant,
  instantOf,
  isLeft,
  isMarkOfPlan,
  plan,
  type ReadModel,
  type RecordOutcome,
  type Run,
  runOf,
  type StepCall,
  type StepHandler,
  type StepOutcome,
} from '@enfold/core'
import type { DispatchOptions } from './engine-options.ts'
import { type ContactSnapshot, type EngineContext, execute, load } from './execute.ts'
import { callHandler, longestCallMs } from './handler-call.ts'
import type { Kinds } from './kinds.ts'
import { restoreContact } from './read-model.ts'
import { createRecorder, type RecorderOptions } from './record.ts'
import { inSpan, recordError } from './telemetry.ts'
import { createUnknownContacts } from './unknown-contacts.ts'

/** A claim that this worker holds. Its lease is prolonged while the work goes on. */
export interface Holding {
  claim: Claim
  /** By this machine's real time, when it was made or prolonged: the engine's clock may be simulated, or set. */
  claimedAtMs: number
}

/** What ends work before its time. */
export interface WorkSignals {
  /** Aborts handlers that outlast a shutdown. */
  readonly giveUp: AbortSignal
  /** As `RecorderOptions`. */
  readonly onFault: RecorderOptions['onFault']
  readonly abandoned: AbortSignal
}

export interface DueWork {
  /**
   * Does what is due of the contact, at most `limit` steps of it.
   *
   * @returns what was recorded, and whether the claim is still this worker's to give back
   */
  work(
    holding: Holding,
    limit: number,
    signals: WorkSignals,
  ): Promise<{ readonly events: readonly ContactEvent[]; readonly held: boolean }>
  /** Handlers that were called and have not answered. */
  inFlight(): number
}

type Dispatched = ContactEventOf<'StepDispatched'>

export function createDueWork(
  context: EngineContext,
  readModel: ReadModel,
  kinds: Kinds,
  options: DispatchOptions,
): DueWork {
  const { clock, observe, random } = context
  const unknown = createUnknownContacts(clock)
  let inFlight = 0

  async function work(holding: Holding, limit: number, signals: WorkSignals): ReturnType<DueWork['work']> {
    const { contactId, kind } = holding.claim
    if (!isStillHeld(holding, null)) return { events: [], held: false }
    const loaded = await load(context, contactId)
    const facts = loaded.facts ?? null
    const askAgainAt = await waitsForDirectory(contactId, { ...loaded, facts })
    if (askAgainAt !== null) {
      await restoreContact(context, readModel, contactId, { factsOf: async () => facts, notBefore: askAgainAt })
      return { events: [], held: true }
    }
    const due: DispatchDue = {
      type: 'DispatchDue',
      commandId: derivedCommandId('due', crypto.randomUUID()),
      actor: null,
      contactId,
      inFlight: new Set(),
      limit,
      permits: { get: (one) => permitsOf(one, kind) },
    }
    const executed = await execute(context, due, loaded)
    if (isLeft(executed)) throw new Error(`The dispatcher was refused: ${executed.left.type}`)
    const { events, known } = executed.right
    if (events.length === 0) {
      // Claimed, but nothing is due: the contact's facts have changed since its wake was written.
      await restoreContact(context, readModel, contactId, { factsOf: async () => known.facts ?? null })
      return { events, held: true }
    }
    const recorder = createRecorder(context, { contactId, known, ...signals })
    const sent = await Promise.allSettled(
      events.map(async (event) => {
        if (event.type !== 'StepDispatched') return { events: [], held: true }
        const outcome = await send(event, holding, known, signals.giveUp)
        if (outcome === null) return { events: [], held: false }
        return { events: await recorder.add(outcomeOf(contactId, event.data, outcome)), held: true }
      }),
    )
    // All have come to their end before the fault of one is passed on.
    const done = sent.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    })
    if (kind === '') await clearMarkOfPlan(contactId, known)
    return { events: [...events, ...done.flatMap((one) => one.events)], held: done.every((one) => one.held) }
  }

  /**
   * Nothing of a kind that this worker has no handler for (KIND-1). Of kinds that have a limit, one of the kind that the
   * claim was made for; another such kind waits for a claim of its own.
   */
  function permitsOf(kind: string, claimed: string): number | undefined {
    if (kinds.handlerOf(kind) === undefined) return 0
    return Object.hasOwn(options.kinds, kind) ? (kind === claimed ? 1 : 0) : undefined
  }

  /**
   * A contact with a run that could not be planned is claimed for no kind. That the run can be planned now, by a newer
   * release, is not seen by the appends of its steps.
   */
  async function clearMarkOfPlan(contactId: ContactId, { facts = null }: ContactSnapshot): Promise<void> {
    if ((await readModel.tagsOf(contactId)).some(isMarkOfPlan))
      await restoreContact(context, readModel, contactId, { factsOf: async () => facts })
  }

  /** When to ask about a contact again of whom something is due and whom the directory does not know; `null`: not. */
  async function waitsForDirectory(contactId: ContactId, { state, facts }: ContactSnapshot): Promise<Instant | null> {
    if (facts !== null) {
      unknown.isKnown(contactId)
      return null
    }
    await context.campaigns.ensure(state)
    const { due } = plan(contactId, state, context.campaigns.catalog, null, clock.now())
    return due.length === 0 ? null : unknown.askAgainAt(contactId)
  }

  /** A process that stood still (a debugger, a frozen machine) may wake up long after its lease: then it is another's. */
  function isStillHeld({ claim: { contactId }, claimedAtMs }: Holding, attempt: AttemptRef | null): boolean {
    const held = performance.now() - claimedAtMs <= options.leaseMs - longestCallMs(options.handlerTimeoutMs)
    if (!held) observe({ type: 'lease-lost', contactId, attempt })
    return held
  }

  /** Calls the handler; `null` if it must not be called any more. */
  async function send(
    event: Dispatched,
    holding: Holding,
    known: ContactSnapshot,
    giveUp: AbortSignal,
  ): Promise<StepOutcome | null> {
    if (!isStillHeld(holding, attemptOf(event.data))) return null
    const call = callOf(event, holding.claim.contactId, known)
    const about = { contactId: call.contactId, attempt: attemptOf(event.data), kind: call.step.kind }
    const now = clock.now()
    const lagMs = Math.max(0, epochMsOf(now) - epochMsOf(event.data.timing?.dueAt ?? now))
    observe({ type: 'step-dispatched', ...about, lagMs })
    const startedAt = performance.now()
    const attributes = {
      'enfold.contact': call.contactId,
      'enfold.campaign': call.campaignId,
      'enfold.step': call.step.id,
      'enfold.kind': call.step.kind,
    }
    const { outcome, error } = await inSpan('enfold.dispatch', attributes, async (span) => {
      inFlight += 1
      const answered = await callHandler(handlerFor(call.step.kind), call, options.handlerTimeoutMs, giveUp).finally(
        () => {
          inFlight -= 1
        },
      )
      span.setAttribute('enfold.outcome', answered.outcome.outcome)
      if (answered.error !== undefined) recordError(span, answered.error, options.exceptionMessages)
      return answered
    })
    const durationMs = performance.now() - startedAt
    observe({ type: 'step-answered', ...about, outcome, durationMs, ...(error === undefined ? {} : { error }) })
    return outcome
  }

  /** It was there when the step was dispatched; a host's function that gives it no more fails this attempt. */
  function handlerFor(kind: string): StepHandler {
    return kinds.handlerOf(kind) ?? (() => ({ outcome: 'failed', reason: 'handler-withdrawn' }))
  }

  function callOf(
    { data }: Dispatched,
    contactId: ContactId,
    { state, facts }: ContactSnapshot,
  ): Omit<StepCall, 'signal'> {
    const { campaignId, sequenceId, run, stepId, attempt, resend, idempotencyKey } = data
    const { campaignVersion } = runOf(state, data) as Run
    const { campaign } = context.campaigns.catalog.version(campaignId, campaignVersion)
    const step = campaign.sequences.get(sequenceId)?.steps.find((one) => one.id === stepId)
    if (step === undefined) throw new Error(`Version ${campaignVersion} of ${campaignId} has no step ${stepId}.`)
    const withParams = { ...step, params: step.params ?? {} }
    return {
      contactId,
      campaignId,
      sequenceId,
      run,
      step: withParams,
      facts: facts ?? {},
      attempt,
      resend,
      idempotencyKey,
    }
  }

  function outcomeOf(contactId: ContactId, data: Dispatched['data'], outcome: StepOutcome): RecordOutcome {
    const attempt = attemptOf(data)
    return {
      type: 'RecordOutcome',
      // The same for the same attempt, so that recording it twice is recording it once.
      commandId: derivedCommandId('outcome', data.idempotencyKey, String(attempt.attempt)),
      actor: null,
      contactId,
      ...attempt,
      outcome,
      retryAt: retryAt(attempt.attempt, outcome),
    }
  }

  /** Capped exponential back-off with full jitter, never before what the handler was told. */
  function retryAt(attempt: number, outcome: StepOutcome): Instant {
    const { baseMs, capMs } = options.backOff
    const jittered = random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
    const asked = outcome.outcome === 'failed' ? (outcome.retryAfterMs ?? 0) : 0
    return instantOf(epochMsOf(clock.now()) + Math.max(jittered, asked))
  }

  return { work, inFlight: () => inFlight }
}

function attemptOf({ campaignId, sequenceId, run, stepId, resend, attempt }: AttemptRef): AttemptRef {
  return { campaignId, sequenceId, run, stepId, resend, attempt }
}
