/** How an action is ordered, and what the parts of bulk work with. */
import type { ActionId, ActionItem, ActionKind, ActionStore, ActionVerb, SequenceRef, Vars } from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import type { ActionView } from './action-questions.ts'
import type { AnySource, ContactSource } from './contact-source.ts'

/**
 * What to do, and for which contacts. `key`: of a sequence with keys, for all contacts that name none of their own; without
 * any key a stop ends the runs of all of them (KEY-2).
 */
export interface ActionTarget extends SequenceRef {
  readonly action: ActionVerb
  /** Of a start or restart: what each run begins with (VAR-1). */
  readonly vars?: Vars
  readonly contacts: ContactSource
}

export interface ActionOrder extends ActionTarget {
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

export interface UndoActionOrder extends UndoTarget, Pick<ActionOrder, 'actionId' | 'actor' | 'reason'> {}

/** What is done to each contact, why, and for which: a verb, or the undoing of what another action did. */
export interface AnyActionOrder extends Omit<ActionOrder, 'action' | 'contacts'>, Partial<UndoTarget> {
  readonly action: ActionKind
  readonly contacts: AnySource
}

export interface ProcessOptions {
  /** Cancels the action: the group in hand is finished (at most 500 contacts), and no other begun. */
  readonly signal?: AbortSignal
  /** Called when its contacts are known, and after each group. What it throws is ignored. */
  readonly onProgress?: (action: ActionView) => void
}

/** What the parts of bulk work with. */
export interface ActionContext {
  readonly context: EngineContext
  /** The contacts of a source, as they come; some perhaps twice. */
  readonly contactsOf: (source: AnySource, order: SequenceRef) => AsyncIterable<ActionItem>
  /** @throws EnfoldFault `INVALID_INPUT` where the store keeps no actions */
  readonly actionStore: () => ActionStore
  /** Streams that are being read in this process: each promise resolves when it is read, or has failed. */
  readonly reading: Map<ActionId, Promise<unknown>>
  /** Actions that this process works on: each promise resolves when it leaves off. */
  readonly working: Map<ActionId, Promise<unknown>>
  /** @throws EnfoldFault `CLOSED` */
  readonly requireOpen: () => void
}
