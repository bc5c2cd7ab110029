/**
 * What an operator can have done for a contact: the verb of the engine, and its answer in words. For whom, and what is
 * printed of it, is in `operate.ts`.
 */
import {
  type ActionVerb,
  type CommandId,
  type ContactId,
  type Either,
  type GoalAnswer,
  heldInWords,
  type Instant,
  isLeft,
  type JsonObject,
  type Rejection,
  type RunRef,
  right,
  type SequenceRef,
} from '@enfold/core'
import type { Answered, Engine } from '@enfold/engine'
import { sequenceName } from './event-words.ts'
import { named } from './text.ts'

/** Who orders it, and why. The command id is the same for all contacts, so that a repeat changes nothing (ONCE-1). */
export interface Ordered {
  readonly actor: string
  readonly reason?: string
  readonly commandId: CommandId
}

export interface Deed {
  /** As a sentence goes on behind "This would": "start pool-owners/nurture for 3 contacts". */
  what(whom: string): string
  /** The same as an action over many, of which the engine has a preview. */
  readonly bulk?: SequenceRef & { readonly action: ActionVerb }
  /** True: nothing undoes it. Default false. */
  readonly isFinal?: boolean
  /** Of a signal: goals that it may satisfy can read what the host knows of the contact. */
  readonly signalKind?: string
  /** What names it in the log: of a command or of a signal. */
  readonly mark: { readonly commandId: CommandId } | { readonly signalId: string }
  doFor(engine: Engine, contactId: ContactId): Promise<Either<Rejection, Done>>
}

/** The engine's answer, and the same in words. */
export interface Done {
  readonly answer: { readonly version: number; readonly position: number }
  /** One word, to be counted: "started", "already_active". */
  readonly outcome: string
  readonly changed: boolean
  readonly text: string
}

type Words = Pick<Done, 'outcome' | 'changed' | 'text'>

async function told<Answer>(
  answering: Answered<Answer>,
  say: (answer: Answer) => Words,
): Promise<Either<Rejection, Done>> {
  const answered = await answering
  return isLeft(answered) ? answered : right({ answer: answered.right, ...say(answered.right) })
}

const changed = (outcome: string, text: string): Words => ({ outcome, changed: true, text })
const unchanged = (outcome: string, text: string): Words => ({ outcome, changed: false, text })

const runsInWords = (runs: readonly RunRef[]) => runs.map((ref) => `${sequenceName(ref)} run ${ref.run}`).join(', ')

// --- A sequence -----------------------------------------------------------------------------------------------------

export function start(ref: SequenceRef, ordered: Ordered): Deed {
  const name = sequenceName(ref)
  return {
    what: (whom) => `start ${name} for ${whom}`,
    bulk: { action: 'start', ...ref },
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.startSequence({ contactId, ...ref, ...ordered }), ({ outcome, run }) =>
        outcome === 'started'
          ? changed(outcome, `started run ${run} of ${name} for ${named(contactId)}`)
          : unchanged(outcome, `${named(contactId)} is in ${name} already, run ${run}`),
      ),
  }
}

export function stop(ref: SequenceRef, ordered: Ordered): Deed {
  const name = sequenceName(ref)
  return {
    what: (whom) => `stop ${name} for ${whom}`,
    bulk: { action: 'stop', ...ref },
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.stopSequence({ contactId, ...ref, ...ordered }), ({ outcome, run }) => {
        if (outcome === 'stopped') return changed(outcome, `stopped run ${run} of ${name} for ${named(contactId)}`)
        return unchanged(
          outcome,
          run === 0
            ? `${named(contactId)} was never in ${name}`
            : `run ${run} of ${name} is over for ${named(contactId)}`,
        )
      }),
  }
}

export function restart(ref: SequenceRef, ordered: Ordered): Deed {
  const name = sequenceName(ref)
  return {
    what: (whom) => `restart ${name} for ${whom}`,
    bulk: { action: 'restart', ...ref },
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.restartSequence({ contactId, ...ref, ...ordered }), ({ outcome, run }) =>
        changed(outcome, `${outcome} ${name} for ${named(contactId)}, as run ${run}`),
      ),
  }
}

export function pause(ref: SequenceRef, ordered: Ordered): Deed {
  const name = sequenceName(ref)
  return {
    what: (whom) => `pause ${name} for ${whom}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.pauseSequence({ contactId, ...ref, ...ordered }), ({ outcome, run }) =>
        outcome === 'paused'
          ? changed(outcome, `paused run ${run} of ${name} for ${named(contactId)}`)
          : unchanged(outcome, `run ${run} of ${name} is paused already for ${named(contactId)}`),
      ),
  }
}

/** @param shift whether the wait in progress is longer by the pause (PAUSE-2) */
export function resume(ref: SequenceRef, shift: boolean, ordered: Ordered): Deed {
  const name = sequenceName(ref)
  return {
    what: (whom) => `resume ${name} for ${whom}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.resumeSequence({ contactId, ...ref, ...ordered, shift }), ({ outcome, run }) =>
        outcome === 'resumed'
          ? changed(outcome, `resumed run ${run} of ${name} for ${named(contactId)}`)
          : unchanged(outcome, `run ${run} of ${name} is not paused for ${named(contactId)}`),
      ),
  }
}

// --- A step ---------------------------------------------------------------------------------------------------------

export interface StepName extends SequenceRef {
  readonly stepId: string
  /** Default: the newest. */
  readonly run?: number
}

export function resend(step: StepName, ordered: Ordered): Deed {
  const name = `${named(step.stepId)} of ${sequenceName(step)}`
  return {
    what: (whom) => `send again ${name} for ${whom}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.resendStep({ contactId, ...step, ...ordered }), ({ outcome, run, resend }) =>
        changed(outcome, `ordered ${name}, run ${run}, again for ${named(contactId)}: resend ${resend}`),
      ),
  }
}

export function cancel(step: StepName, ordered: Ordered): Deed {
  const name = `${named(step.stepId)} of ${sequenceName(step)}`
  return {
    what: (whom) => `cancel ${name} for ${whom}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.cancelStep({ contactId, ...step, ...ordered }), ({ outcome, run }) =>
        outcome === 'cancelled'
          ? changed(outcome, `cancelled ${name}, run ${run}, for ${named(contactId)}`)
          : unchanged(outcome, `${name}, run ${run}, is cancelled already for ${named(contactId)}`),
      ),
  }
}

// --- A contact ------------------------------------------------------------------------------------------------------

export function stopAll(ordered: Ordered): Deed {
  return {
    what: (whom) => `stop every sequence for ${whom}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.stopAll({ contactId, ...ordered }), ({ outcome, stopped }) =>
        outcome === 'stopped'
          ? changed(outcome, `stopped ${runsInWords(stopped)} for ${named(contactId)}`)
          : unchanged(outcome, `${named(contactId)} is in no sequence`),
      ),
  }
}

export function suppress(until: Instant | null, ordered: Ordered): Deed {
  const span = until === null ? 'for ever' : `until ${until}`
  return {
    what: (whom) => `suppress ${whom} ${span}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.suppress({ contactId, ...ordered, until }), ({ outcome, stopped }) => {
        if (outcome === 'already_suppressed') return unchanged(outcome, `${named(contactId)} is suppressed already`)
        const with_ = stopped.length === 0 ? '' : `, stopped ${runsInWords(stopped)}`
        return changed(outcome, `suppressed ${named(contactId)} ${span}${with_}`)
      }),
  }
}

export function unsuppress(ordered: Ordered): Deed {
  return {
    what: (whom) => `end the ban of ${whom}`,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.unsuppress({ contactId, ...ordered }), ({ outcome }) =>
        outcome === 'unsuppressed'
          ? changed(outcome, `${named(contactId)} is suppressed no longer`)
          : unchanged(outcome, `${named(contactId)} is not suppressed`),
      ),
  }
}

export function erase(ordered: Ordered): Deed {
  return {
    what: (whom) => `erase ${whom}`,
    isFinal: true,
    mark: { commandId: ordered.commandId },
    doFor: (engine, contactId) =>
      told(engine.erase({ contactId, ...ordered }), ({ outcome, holds }) =>
        changed(outcome, `erased ${named(contactId)}; its events hold ${heldInWords(holds) || 'nothing of yours'}`),
      ),
  }
}

// --- A signal -------------------------------------------------------------------------------------------------------

export interface Happened {
  readonly kind: string
  readonly data: JsonObject
  readonly signalId: string
  readonly actor: string
  /** Default: now. */
  readonly occurredAt?: Instant
}

export function signal(happened: Happened): Deed {
  return {
    what: (whom) => `hand over the signal ${named(happened.kind)} for ${whom}`,
    signalKind: happened.kind,
    mark: { signalId: happened.signalId },
    doFor: (engine, contactId) =>
      told(engine.signal({ contactId, ...happened }), ({ goals }) => {
        if (goals.some(({ outcome }) => outcome === 'satisfied'))
          return changed('satisfied', `${named(contactId)} ${goals.map(goalInWords).join('; ')}`)
        const why = goals.length === 0 ? '' : ` (${goals.map(goalInWords).join('; ')})`
        return unchanged('no_goal', `${named(contactId)} satisfied no goal${why}`)
      }),
  }
}

function goalInWords({ campaignId, goalId, outcome, stopped, started }: GoalAnswer): string {
  const name = `${named(campaignId)}/${named(goalId)}`
  if (outcome === 'not_member') return `${name} is for members`
  if (outcome === 'suppressed') return `${name} while suppressed`
  const changes = [
    ...stopped.map(({ sequenceId, run }) => `stopped ${named(sequenceId)} run ${run}`),
    ...started.map(({ sequenceId, run, outcome }) =>
      outcome === 'started' ? `started ${named(sequenceId)} run ${run}` : `${named(sequenceId)} goes on, run ${run}`,
    ),
  ]
  return `satisfied ${name}${changes.length === 0 ? '' : `: ${changes.join(', ')}`}`
}
