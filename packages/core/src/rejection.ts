/** Every reason for which a command can be refused, as data: each names the state of affairs that forbids it. */
import { show } from './fault.ts'
import type { ActionId, CampaignId, CommandId, ContactId, Instant, SequenceId, StepId } from './ids.ts'
import type { JsonValue } from './json.ts'
import { MOST_NAMED, nearest, nearestFirst } from './nearest.ts'

/** One thing that is wrong, or suspicious, in a campaign definition. */
export interface CampaignProblem {
  /** JSON Pointer (RFC 6901) into the document: `/sequences/0/steps/2/timer`. */
  readonly path: string
  /** What stands there; absent where nothing stands. */
  readonly value?: JsonValue
  /** What was expected instead, as a sentence for people. */
  readonly message: string
  /** Another campaign that the message names: an actor who may not see that one must not be shown this. */
  readonly campaignId?: CampaignId
}

export interface CampaignInvalid {
  readonly type: 'CampaignInvalid'
  /** All of them, in the order of the document (VERSION-2). */
  readonly problems: readonly CampaignProblem[]
}

export type Rejection =
  | CampaignInvalid
  /** `known`: some that were ever published, those with a like id first; empty if none was. */
  | { readonly type: 'CampaignUnknown'; readonly campaignId: CampaignId; readonly known?: readonly CampaignId[] }
  | { readonly type: 'CampaignNotPublished'; readonly campaignId: CampaignId }
  /** A pause has closed the sequence to entries (GATE-1). `since`: when it began. */
  | {
      readonly type: 'CampaignPaused'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly since: Instant
    }
  /** `known`: some sequences of the campaign, those with a like id first. */
  | {
      readonly type: 'SequenceUnknown'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly known?: readonly SequenceId[]
    }
  /** `known`: some steps of the sequence, those with a like id first. */
  | {
      readonly type: 'StepUnknown'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly stepId: StepId
      readonly campaignVersion: number
      readonly known?: readonly StepId[]
    }
  /**
   * `outsideTransaction`: the order was given inside a transaction of the host's, and the directory was asked on another
   * connection, where what is not committed cannot be seen.
   */
  | { readonly type: 'ContactUnknown'; readonly contactId: ContactId; readonly outsideTransaction?: true }
  | { readonly type: 'ContactSuppressed'; readonly contactId: ContactId; readonly until: Instant | null }
  | { readonly type: 'ContactErased'; readonly contactId: ContactId }
  /** An order for an instant that is over, as a ban until yesterday. */
  | { readonly type: 'InstantPast'; readonly instant: Instant; readonly now: Instant }
  /** `run` is 0 and `status` null if it was never started. */
  | {
      readonly type: 'EnrollmentNotActive'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key?: string
      readonly run: number
      readonly status: string | null
    }
  /** The sequence was started as often as its campaign's `brake` allows within an hour; the next one is taken at `until`. */
  | {
      readonly type: 'TooManyStarts'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key?: string
      readonly most: number
      readonly until: Instant
    }
  /** The sequence runs once for each value of its variable `per`, and nothing says which is meant (KEY-1). */
  | {
      readonly type: 'KeyMissing'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly per: string
    }
  /**
   * A start with a key that the run cannot have. `per` is `null` where the sequence has no keys; else `expected` is what the
   * variable of that name says, left out where that can be no key.
   */
  | {
      readonly type: 'KeyUnexpected'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key: string
      readonly per: string | null
      readonly expected?: string
    }
  /** A start with a variable that the sequence does not have. `known`: those that it has, those with a like name first. */
  | {
      readonly type: 'VariableUnknown'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly name: string
      readonly known: readonly string[]
    }
  /** As many runs of the sequence are open, each with another key, as may be (KEY-5). */
  | {
      readonly type: 'TooManyRuns'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key: string
      readonly most: number
    }
  /** There is no such run of the enrollment; `newest` is the last one, 0 if there is none. */
  | {
      readonly type: 'RunUnknown'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key?: string
      readonly run: number
      readonly newest: number
    }
  | (StepRejection & { readonly type: 'StepNotReached' | 'StepInFlight' | 'StepAlreadySent' })
  | (StepRejection & {
      readonly type: 'StepAlreadyResolved'
      readonly status: 'failed' | 'skipped' | 'cancelled' | 'passed'
    })
  /** The sequence to which a run is to be moved has one in progress already. */
  | {
      readonly type: 'EnrollmentActive'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key?: string
      readonly run: number
    }
  /** The run has come to its end: it waits for what a cancelled step left, and nothing is left to send. */
  | {
      readonly type: 'NoStepLeft'
      readonly campaignId: CampaignId
      readonly sequenceId: SequenceId
      readonly key?: string
      readonly run: number
    }
  /** Nothing of such a signal stands in the contact's stream: it never came, or left no trace. */
  | { readonly type: 'SignalUnknown'; readonly contactId: ContactId; readonly signalId: string }
  /** The contact's stream has nothing that an order with this command id did: there was none, or it changed nothing. */
  | { readonly type: 'OrderUnknown'; readonly contactId: ContactId; readonly undoes: CommandId }
  /** The order skipped the last step of a run, retracted a signal, or took such an order back as has no inverse again. */
  | { readonly type: 'NotUndoable'; readonly contactId: ContactId; readonly undoes: CommandId }
  | { readonly type: 'ActionUnknown'; readonly actionId: ActionId }
  /** Only what has come to rest can be undone: the action goes on, or a process may still be at its last contacts until then. */
  | { readonly type: 'ActionRunning'; readonly actionId: ActionId; readonly until: Instant | null }
  /** It ended before all of its contacts were read: order it again, with all of its contacts. */
  | { readonly type: 'ActionIncomplete'; readonly actionId: ActionId }
  /** The command id was used before, for something else; `signalId`, `actionId`: what the host gave of a signal, of an action. */
  | {
      readonly type: 'CommandIdReused'
      readonly commandId: CommandId
      readonly signalId?: string
      readonly actionId?: ActionId
      readonly usedFor: string
    }

interface StepRejection {
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  readonly key?: string
  readonly run: number
  readonly stepId: StepId
}

/**
 * Of a campaign that was never published.
 *
 * @param published all that ever were
 * @example
 * campaignUnknown('pol', [{ campaignId: 'pool' }]) // { type: 'CampaignUnknown', campaignId: 'pol', known: ['pool'] }
 */
export function campaignUnknown(
  campaignId: CampaignId,
  published: readonly { readonly campaignId: CampaignId }[],
): Rejection {
  const ids = published.map((one) => one.campaignId)
  return { type: 'CampaignUnknown', campaignId, known: nearestFirst(campaignId, ids) }
}

/**
 * The rejection as a sentence for people.
 *
 * @example
 * describeRejection({ type: 'CampaignUnknown', campaignId: 'pool' }) // 'There is no campaign "pool".'
 */
export function describeRejection(rejection: Rejection): string {
  const r = rejection
  switch (r.type) {
    case 'CampaignInvalid':
      return `The definition has ${r.problems.length === 1 ? '1 problem' : `${r.problems.length} problems`}: ${r.problems.map((p) => `${p.path || '/'} ${p.message}`).join('; ')}`
    case 'CampaignUnknown':
      return r.known?.length === 0
        ? `There is no campaign ${show(r.campaignId)}. Nothing is published in this store.`
        : `There is no campaign ${show(r.campaignId)}.${meant(r.campaignId, r.known)}`
    case 'CampaignNotPublished':
      return `The campaign ${show(r.campaignId)} is not published.`
    case 'CampaignPaused':
      return `The campaign ${show(r.campaignId)} is paused since ${r.since}, and takes nobody into ${show(r.sequenceId)} until it is resumed.`
    case 'SequenceUnknown':
      return `The campaign ${show(r.campaignId)} has no sequence ${show(r.sequenceId)}.${meant(r.sequenceId, r.known)}`
    case 'StepUnknown':
      return `Version ${r.campaignVersion} of the sequence ${show(r.sequenceId)} has no step ${show(r.stepId)}.${meant(r.stepId, r.known)}`
    case 'ContactUnknown':
      return r.outsideTransaction === undefined
        ? `The directory knows no contact ${show(r.contactId)}.`
        : `The directory knows no contact ${show(r.contactId)}. It was asked on another connection, which does not see what your transaction has not committed: pass a directory that asks the same client, withTransaction(client, { contacts }).`
    case 'ContactSuppressed':
      return `The contact ${show(r.contactId)} is suppressed ${r.until === null ? 'without end' : `until ${r.until}`}.`
    case 'ContactErased':
      return `The contact ${show(r.contactId)} was erased.`
    case 'InstantPast':
      return `The instant ${r.instant} is in the past; it is now ${r.now}. Name a later one.`
    case 'EnrollmentNotActive':
      return r.status === null
        ? `The contact was never in the sequence ${sequenceOf(r)}.`
        : `Run ${r.run} of the sequence ${sequenceOf(r)} is ${r.status}.`
    case 'TooManyStarts':
      return `The sequence ${sequenceOf(r)} was started ${r.most} times for this contact within an hour. The next start is possible at ${r.until}. Do sequences or signals form a loop?`
    case 'KeyMissing':
      return `The sequence ${show(r.sequenceId)} runs once for each ${show(r.per)}, and none is given. Name it as \`key\`.`
    case 'KeyUnexpected':
      return r.per === null
        ? `The sequence ${show(r.sequenceId)} has no keys: its definition has no \`per\`. Leave the key ${show(r.key)} out.`
        : `The key ${show(r.key)} is not the variable ${show(r.per)} that is given for it, ${r.expected === undefined ? 'which can be no key' : show(r.expected)}.`
    case 'VariableUnknown':
      return `The sequence ${show(r.sequenceId)} has no variable ${show(r.name)}.${meant(r.name, r.known)}`
    case 'TooManyRuns':
      return `The contact is in the sequence ${show(r.sequenceId)} with ${r.most} keys, as many as may be open. ${show(r.key)} would be one more.`
    case 'RunUnknown':
      return `The sequence ${sequenceOf(r)} has no run ${r.run} for this contact; the newest is ${r.newest}.`
    case 'StepNotReached':
      return `The step ${show(r.stepId)} was not dispatched in run ${r.run}, so there is nothing to send again.`
    case 'StepInFlight':
      return `The step ${show(r.stepId)} is being dispatched right now; try again when its outcome is known.`
    case 'StepAlreadySent':
      return `The step ${show(r.stepId)} was sent already in run ${r.run}.`
    case 'StepAlreadyResolved':
      return `The step ${show(r.stepId)} is ${r.status} in run ${r.run}; nothing of it is left to take out.`
    case 'EnrollmentActive':
      return `Run ${r.run} of the sequence ${sequenceOf(r)} is in progress already.`
    case 'NoStepLeft':
      return `Run ${r.run} of the sequence ${sequenceOf(r)} has no step left to send.`
    case 'SignalUnknown':
      return `The log of the contact ${show(r.contactId)} has no signal ${show(r.signalId)}: it never came, or it satisfied no goal and is of a kind that nobody keeps.`
    case 'OrderUnknown':
      return `No order with the command id ${show(r.undoes)} has changed anything of the contact ${show(r.contactId)}. A signal is no order: retract it by its own id.`
    case 'NotUndoable':
      return `The order ${show(r.undoes)} cannot be undone: a run that a skip has ended stays so, as does a signal that was retracted; a skip, a cancelling, a resend or a move that was undone is ordered again.`
    case 'ActionRunning':
      return r.until === null
        ? `The action ${show(r.actionId)} is not over. Cancel it, or wait until it is done, and then undo it.`
        : `The action ${show(r.actionId)} was cancelled a moment ago, and its last contacts may still be at work. Undo it after ${r.until}.`
    case 'ActionUnknown':
      return `There is no action ${show(r.actionId)}.`
    case 'ActionIncomplete':
      return `The action ${show(r.actionId)} ended before all of its contacts were read. Order it again, with its contacts.`
    case 'CommandIdReused':
      if (r.signalId !== undefined)
        return `The signal id ${show(r.signalId)} was used before, for ${r.usedFor}. Use a new one for another signal.`
      if (r.actionId !== undefined)
        return `The action id ${show(r.actionId)} was used before, for ${r.usedFor}. Use a new one for another action.`
      return `The command id ${show(r.commandId)} was used before, for ${r.usedFor}. Use a new one for another command.`
  }
}

/** Which id was probably meant, or which there are. */
function meant(id: string, known: readonly string[] = []): string {
  const near = nearest(id, known)
  if (near !== undefined) return ` Did you mean ${show(near)}?`
  if (known.length === 0) return ''
  const named = known.map(show).join(', ')
  return known.length < MOST_NAMED ? ` Known are ${named}.` : ` Among the known are ${named}.`
}

/** The sequence, and the key where the run has one (KEY-1). */
function sequenceOf({ sequenceId, key }: { readonly sequenceId: SequenceId; readonly key?: string }): string {
  return key === undefined ? show(sequenceId) : `${show(sequenceId)} for the key ${show(key)}`
}
