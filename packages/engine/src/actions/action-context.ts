/** How an action is ordered, and what the parts of bulk work with. */
import type {
  ActionCounts,
  ActionId,
  ActionItem,
  ActionKind,
  ActionStore,
  AnyNames,
  CampaignId,
  JsonObject,
  SequenceId,
  Vars,
  VerbName,
  VerbOf,
} from '@enfold/core'
import type { OrderOf } from '../contact-verbs.ts'
import type { EngineContext } from '../engine-context.ts'
import type { ActionView } from './action-questions.ts'
import type { AnySource, ContactSource } from './contact-source.ts'

/** What the verb is ordered with for one contact, but for the contact and who orders it. */
type TargetOf<Name extends VerbName> = Omit<
  OrderOf<Name, AnyNames>,
  'actor' | 'commandId' | 'contactId' | 'fromStep' | 'reason'
> & {
  /** The word of the verb. */
  readonly action: VerbOf<Name>['word']
  readonly contacts: ContactSource
}

/**
 * What to do, and for which contacts: any verb, by its word, with what it takes for one contact. `key`: of a sequence with
 * keys, for all contacts that name none of their own; without any key a stop ends the runs of all of them (KEY-2). A signal
 * without a `signalId` has that of the action.
 *
 * @example
 * { action: 'shift', campaignId: 'pool', sequenceId: 'nurture', by: 'P2D', contacts: { ids: ['ada', 'bob'] } }
 */
export type ActionTarget = { readonly [Name in VerbName]: TargetOf<Name> }[VerbName]

export type ActionOrder = ActionTarget & OrderedAction

/** Who orders an action, why, and under which id. */
export interface OrderedAction {
  /**
   * The same id again is the same action: it goes on where it was, or answers as it ended (BULK-2). With another verb,
   * sequence or actor, or with other contacts, it is refused.
   */
  readonly actionId: ActionId
  /** Your id of who orders this; `null` for nobody. Recorded. */
  readonly actor: string | null
  /** For people; recorded. No personal data (LOG-4). */
  readonly reason?: string
}

/** How another action is to be undone. */
export interface UndoTarget {
  /** The action that is to be undone. An undo can be undone, too. */
  readonly undoes: ActionId
  /** True: runs that it started, and that have sent something, are stopped. Default false: they are left alone (UNDO-2). */
  readonly stopSent?: boolean
  /** True: the waits of runs that go on again are longer by the gap. Default false: due instants are as they were (UNDO-3). */
  readonly shift?: boolean
}

export interface UndoActionOrder extends UndoTarget, OrderedAction {}

/** What is done to each contact, why, and for which: a verb, or the undoing of what another action did. */
export interface AnyActionOrder extends OrderedAction, Partial<UndoTarget> {
  readonly action: ActionKind
  /** `null`: it is about no sequence. */
  readonly campaignId: CampaignId | null
  readonly sequenceId: SequenceId | null
  readonly key?: string
  readonly vars?: Vars
  /** What else the verb was ordered with. */
  readonly order?: JsonObject
  readonly contacts: AnySource
}

/** What an action is about. */
export type ActionPlace = Pick<AnyActionOrder, 'campaignId' | 'sequenceId'>

export interface ProcessOptions {
  /** Cancels the action: the group in hand is finished (at most 500 contacts), and no other begun. */
  readonly signal?: AbortSignal
  /** Called when its contacts are known, and after each group. What it throws is ignored. */
  readonly onProgress?: (action: ActionView) => void
}

/** How an action is begun. */
export interface BeginOptions extends ProcessOptions {
  /** What was foreseen: by what it comes out otherwise is told afterwards (`differences`). */
  readonly preview?: { readonly outcomes: ActionCounts; readonly complete: boolean }
}

export interface PreviewOptions {
  /** How many contacts are looked at at most, 1 to 1,000,000. Default 100,000. */
  readonly limit?: number
}

/** What the parts of bulk work with. */
export interface ActionContext {
  readonly context: EngineContext
  /** The contacts of a source, as they come; some perhaps twice. */
  readonly contactsOf: (
    source: AnySource,
    order: ActionPlace & Pick<AnyActionOrder, 'action'>,
  ) => AsyncIterable<ActionItem>
  /** @throws EnfoldFault `INVALID_INPUT` where the store keeps no actions */
  readonly actionStore: () => ActionStore
  /** Streams that are being read in this process: each promise resolves when it is read, or has failed. */
  readonly reading: Map<ActionId, Promise<unknown>>
  /** Actions that this process works on: each promise resolves when it leaves off. */
  readonly working: Map<ActionId, Promise<unknown>>
  /** @throws EnfoldFault `CLOSED` */
  readonly requireOpen: () => void
}
