/** The verbs on one contact: each checks its input and makes a command of it. Who executes it is the caller's affair. */
import {
  type Answers,
  type CampaignId,
  type CommandId,
  type ContactCommand,
  type ContactId,
  derivedCommandId,
  type Either,
  type HeldValues,
  heldValues,
  type Instant,
  isLeft,
  type JsonObject,
  type Position,
  type Rejection,
  right,
  type SequenceId,
  type StepId,
  type Version,
} from '@enfold/core'
import * as border from './border.ts'
import type { Executed } from './execute.ts'

/** What every verb of an operator takes. */
export interface Order {
  /** Your id of who orders this; `null` for nobody. Recorded. */
  readonly actor: string | null
  /** For people; recorded. No personal data (LOG-4). */
  readonly reason?: string
  /**
   * The same id again has the same effect, once, and the same answer; with another order it is refused (ONCE-1). None
   * that begins with "enfold:", which are the engine's own. Default: drawn.
   */
  readonly commandId?: CommandId
}

export interface ContactOrder extends Order {
  readonly contactId: ContactId
}

export interface SequenceOrder extends ContactOrder {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
}

export interface StepOrder extends SequenceOrder {
  readonly stepId: StepId
  /** Default: the newest run. */
  readonly run?: number
}

/** Something that happened in the CRM and may satisfy goals. */
export interface Signal {
  readonly contactId: ContactId
  readonly kind: string
  /** What patterns match against. Default {}. Only what a pattern or condition reads is recorded. */
  readonly data?: JsonObject
  /** The same id again has one effect and the same answer (GOAL-10). Default: drawn. */
  readonly signalId?: string
  /** Default: now. */
  readonly occurredAt?: Instant
  readonly actor?: string | null
  /** True: a sequence's own step caused it (GOAL-11). Default false. */
  readonly fromStep?: boolean
}

/** An answer, and where the log stood behind it: `version` of the contact's stream, `position` in the whole log. */
export type Answered<Answer> = Promise<
  Either<Rejection, Answer & { readonly version: Version; readonly position: Position }>
>

/** What can be ordered for one contact. */
export interface ContactVerbs {
  startSequence(order: SequenceOrder): Answered<Answers['StartSequence']>
  stopSequence(order: SequenceOrder): Answered<Answers['StopSequence']>
  /** Stop and start in one append (START-3). */
  restartSequence(order: SequenceOrder): Answered<Answers['RestartSequence']>
  pauseSequence(order: SequenceOrder): Answered<Answers['PauseSequence']>
  /** `shift` true: the wait in progress is longer by the pause. Default false: due times stand as they were (PAUSE-2). */
  resumeSequence(order: SequenceOrder & { readonly shift?: boolean }): Answered<Answers['ResumeSequence']>
  stopAll(order: ContactOrder): Answered<Answers['StopAll']>
  /** A ban until an instant, or without end (`until` null or left out). Rule STOP-4. */
  suppress(order: ContactOrder & { readonly until?: Instant | null }): Answered<Answers['SuppressContact']>
  unsuppress(order: ContactOrder): Answered<Answers['UnsuppressContact']>

  signal(signal: Signal): Answered<Answers['HandleSignal']>
  resendStep(order: StepOrder): Answered<Answers['ResendStep']>
  cancelStep(order: StepOrder): Answered<Answers['CancelStep']>
  /** `holds`: how many values of the host's stand in the contact's stream up to the erasure, and remain (ERASE-1). */
  erase(order: ContactOrder): Answered<Answers['EraseContact'] & { readonly holds: HeldValues }>
}

/** The shape of an order, checked at the border. */
export const ORDER = { actor: border.actor, 'reason?': border.text, 'commandId?': border.commandId }
const CONTACT = { contactId: border.id, ...ORDER }
const SEQUENCE = { ...CONTACT, campaignId: border.id, sequenceId: border.id }
const STEP = { ...SEQUENCE, stepId: border.id, 'run?': border.wholeNumber(1, Number.MAX_SAFE_INTEGER) }

/** What every command takes of an order. */
export const metaOf = ({ actor, reason, commandId }: Order) => ({
  commandId: commandId ?? crypto.randomUUID(),
  actor,
  ...(reason === undefined ? {} : { reason }),
})

/** An answer with where the log stood behind it. */
function placed<Command extends ContactCommand>({ answer, version, position }: Executed<Command>) {
  return { ...(answer as Answers[Command['type']]), version, position }
}

/** Executes a checked command. */
type Execute = <Command extends ContactCommand>(command: Command) => Promise<Either<Rejection, Executed<Command>>>

/** Has a checked command executed, and gives the answer with its place. */
export function answering(execute: Execute) {
  return async <Command extends ContactCommand>(command: Command): Answered<Answers[Command['type']]> => {
    const executed = await execute(command)
    return isLeft(executed) ? executed : right(placed(executed.right))
  }
}

export function createContactVerbs(execute: Execute): ContactVerbs {
  const answer = answering(execute)
  return {
    async startSequence(order) {
      border.checkInput('startSequence', order, SEQUENCE)
      return answer({ type: 'StartSequence', ...sequenceOf(order), ...metaOf(order) })
    },
    async stopSequence(order) {
      border.checkInput('stopSequence', order, SEQUENCE)
      return answer({ type: 'StopSequence', ...sequenceOf(order), ...metaOf(order) })
    },
    async restartSequence(order) {
      border.checkInput('restartSequence', order, SEQUENCE)
      return answer({ type: 'RestartSequence', ...sequenceOf(order), ...metaOf(order) })
    },
    async pauseSequence(order) {
      border.checkInput('pauseSequence', order, SEQUENCE)
      return answer({ type: 'PauseSequence', ...sequenceOf(order), ...metaOf(order) })
    },
    async resumeSequence(order) {
      border.checkInput('resumeSequence', order, { ...SEQUENCE, 'shift?': border.flag })
      return answer({ type: 'ResumeSequence', ...sequenceOf(order), ...metaOf(order), shift: order.shift === true })
    },
    async stopAll(order) {
      border.checkInput('stopAll', order, CONTACT)
      return answer({ type: 'StopAll', contactId: order.contactId, ...metaOf(order) })
    },
    async suppress(order) {
      border.checkInput('suppress', order, { ...CONTACT, 'until?': border.instantOrNull })
      return answer({
        type: 'SuppressContact',
        contactId: order.contactId,
        ...metaOf(order),
        until: order.until ?? null,
      })
    },
    async unsuppress(order) {
      border.checkInput('unsuppress', order, CONTACT)
      return answer({ type: 'UnsuppressContact', contactId: order.contactId, ...metaOf(order) })
    },

    async signal(signal) {
      border.checkInput('signal', signal, {
        contactId: border.id,
        kind: border.text,
        'data?': border.anything,
        'signalId?': border.id,
        'occurredAt?': border.instant,
        'actor?': border.actor,
        'fromStep?': border.flag,
      })
      const { contactId, kind, data = {}, signalId = crypto.randomUUID(), actor = null, fromStep = false } = signal
      return answer({
        type: 'HandleSignal',
        contactId,
        // Signals and commands are numbered by different programs: their ids must not meet (ONCE-1).
        commandId: derivedCommandId('signal', signalId),
        actor,
        signalId,
        kind,
        data: border.jsonObject('signal.data', data),
        ...(signal.occurredAt === undefined ? {} : { occurredAt: signal.occurredAt }),
        fromStep,
      })
    },
    async resendStep(order) {
      border.checkInput('resendStep', order, STEP)
      return answer({ type: 'ResendStep', ...stepOf(order), ...metaOf(order) })
    },
    async cancelStep(order) {
      border.checkInput('cancelStep', order, STEP)
      return answer({ type: 'CancelStep', ...stepOf(order), ...metaOf(order) })
    },
    async erase(order) {
      border.checkInput('erase', order, CONTACT)
      const executed = await execute({ type: 'EraseContact', contactId: order.contactId, ...metaOf(order) })
      if (isLeft(executed)) return executed
      // Up to the erasure: outcomes that came in since must not change the answer to a repeat (ONCE-1).
      const { events, history, version } = executed.right
      const until = [...history.filter((event) => event.version <= version), ...events]
      return right({ ...placed(executed.right), holds: heldValues(until) })
    },
  }
}

function sequenceOf({ contactId, campaignId, sequenceId }: SequenceOrder) {
  return { contactId, campaignId, sequenceId }
}

function stepOf(order: StepOrder) {
  const { stepId, run } = order
  return { ...sequenceOf(order), stepId, ...(run === undefined ? {} : { run }) }
}
