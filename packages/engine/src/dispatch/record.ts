/**
 * What handlers answered goes into the log: the outcomes of one contact one after the other, those that have arrived
 * together in one append (STEP-11). An outcome that is known is not given up while the process lives: a store that
 * fails is asked again until it is back.
 */
import {
  type ContactEvent,
  type ContactId,
  decideOutcomes,
  isEnfoldFault,
  type OutcomesDecision,
  type RecordOutcome,
} from '@enfold/core'
import { appendDecided, giveWay } from '../append-decided.ts'
import { observeBrakes } from '../brakes.ts'
import { realWait } from '../clock.ts'
import type { EngineContext } from '../engine-context.ts'
import { yieldToEventLoop } from '../event-loop.ts'
import { type ContactSnapshot, factsAfter, type LoadedContact, loadLogged } from '../load-contact.ts'
import { decidedOn } from '../stored-states.ts'
import { inSpan, traceparent } from '../telemetry.ts'
import { attemptOf } from './send.ts'

/** Of one append. More would not be quicker, and logs have a limit of their own: EventStoreDB takes 1 MB. */
const MAX_OUTCOMES = 100
/** Tries before the fault is told of; the outcome is tried again all the same. */
const PATIENT_TRIES = 4
const MAX_PAUSE_MS = 2000

export interface Recorder {
  /** The contact after what was recorded last. */
  known(): ContactSnapshot
  /** All that was recorded, in the order in which it stands in the log: that of the answers, not of the calls. */
  recorded(): readonly ContactEvent[]
  /** Resolves when the outcome is recorded; rejects only when it is given up. */
  add(command: RecordOutcome): Promise<void>
}

export interface RecorderOptions {
  readonly contactId: ContactId
  /** The contact as it was when its steps were dispatched. */
  readonly known: ContactSnapshot
  /** Told when an outcome cannot be recorded for now. */
  readonly onFault: (error: unknown) => void
  /** Outcomes are given up when it aborts: the process ends. */
  readonly abandoned: AbortSignal
}

interface Waiting {
  readonly command: RecordOutcome
  resolve(): void
  reject(error: unknown): void
}

/** Records the outcomes of one contact while its claim is held. */
export function createRecorder(context: EngineContext, options: RecorderOptions): Recorder {
  let { known } = options
  const recorded: ContactEvent[] = []
  let queue: Waiting[] = []
  let recording = false

  async function drain(): Promise<void> {
    recording = true
    while (queue.length > 0) {
      // Handlers that end in the same turn are recorded together.
      await yieldToEventLoop()
      const batch = queue.slice(0, MAX_OUTCOMES)
      queue = queue.slice(MAX_OUTCOMES)
      try {
        await recordSurely(batch.map(({ command }) => command))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    recording = false
  }

  async function recordSurely(commands: readonly RecordOutcome[]): Promise<void> {
    for (let tries = 1, fresh = true; ; tries++, fresh = false)
      try {
        const now = await recordOutcomes(context, options.contactId, commands, known, fresh)
        known = now.known
        recorded.push(...now.events)
        return
      } catch (error) {
        if (options.abandoned.aborted || (isEnfoldFault(error) && error.code === 'CLOSED')) throw error
        if (tries % PATIENT_TRIES === 0) options.onFault(error)
        await realWait(Math.min(25 * 2 ** Math.min(tries, 10), MAX_PAUSE_MS), options.abandoned)
      }
  }

  return {
    known: () => known,
    recorded: () => recorded,
    add: (command) =>
      new Promise((resolve, reject) => {
        queue.push({ command, resolve, reject })
        if (!recording) void drain()
      }),
  }
}

interface Recorded {
  readonly events: readonly ContactEvent[]
  readonly known: ContactSnapshot
}

/**
 * Load, decide, append, as `execute` does; for several outcomes of one contact at once. Where another writer was first,
 * again: how often does not count, since each time one of the two has got on.
 *
 * @param fresh whether `before` may be as the log has it
 */
function recordOutcomes(
  context: EngineContext,
  contactId: ContactId,
  outcomes: readonly RecordOutcome[],
  before: ContactSnapshot,
  fresh: boolean,
): Promise<Recorded> {
  return inSpan('enfold.command', { 'enfold.command': 'RecordOutcome', 'enfold.contact': contactId }, async () => {
    const trace = traceparent()
    const commands = trace === undefined ? outcomes : outcomes.map((command) => ({ ...command, trace }))
    const ids = new Set(commands.map(({ commandId }) => commandId))
    const startedAt = performance.now()
    const asked = { areFactsOld: false, ...(await factsAfter(context.factsOf, contactId, before.facts)) }
    const { facts = {}, areFactsOld } = asked
    let contact: LoadedContact = {
      ...before,
      ...asked,
      history: [],
      isWhole: false,
      mayBeRecorded: false,
      alongside: null,
    }
    let whole = false
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1 || !fresh) {
        const logged = await loadLogged(context, contactId, { commands: [...ids], whole })
        // What was written of these since the steps were dispatched may stand before the stored state.
        const isHidden = !logged.isWhole && logged.stored.version > before.version
        contact = { ...logged, ...asked, mayBeRecorded: logged.mayBeRecorded || isHidden }
      }
      await context.campaigns.fresh()
      await context.campaigns.ensure(contact.state)
      const deciding = { campaigns: context.campaigns.catalog, facts, areFactsOld, now: context.clock.now() }
      const decided = decidedOn(contact, () => decideOutcomes(commands, contact.history, deciding, contact.state))
      if (decided === null) {
        whole = true
        continue
      }
      const { events, answers, state } = decided
      // What stands there already was written by a try whose answer was lost.
      const written = contact.history.filter(({ commandId }) => ids.has(commandId))
      if (events.length === 0) {
        tell(context, commands, answers, written, startedAt)
        return { events: written, known: contact }
      }
      const result = await appendDecided(context, contactId, contact, { events, state })
      if (result?.outcome === 'appended' && !result.repeated) {
        const { version, position, stored } = result
        observeBrakes(context.observe, contactId, events)
        tell(context, commands, answers, [...written, ...events], startedAt)
        return { events: [...written, ...events], known: { state, stored, ...asked, version, position } }
      }
      if (result?.outcome === 'conflict') await giveWay(context, contactId, attempt, result)
    }
  })
}

function tell(
  { observe }: EngineContext,
  commands: readonly RecordOutcome[],
  answers: OutcomesDecision['answers'],
  events: readonly ContactEvent[],
  startedAt: number,
): void {
  const durationMs = performance.now() - startedAt
  for (const [i, command] of commands.entries()) {
    const { contactId, commandId } = command
    const count = events.filter((event) => event.commandId === commandId).length
    observe({ type: 'command-decided', command: command.type, contactId, events: count, rejection: null, durationMs })
    if (answers[i]?.outcome === 'stale') observe({ type: 'outcome-stale', contactId, attempt: attemptOf(command) })
  }
}
