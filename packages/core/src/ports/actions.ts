/** Bulk actions: what the log does not hold of them. */
import type { ActionContact, ActionItem, ActionRecord, ActionResult } from '../action.ts'
import type { ActionId } from '../ids.ts'
import type { ActionOutcome } from '../verbs/index.ts'

/** What a save brings besides the record: in this order. */
export interface ActionChange {
  /** Forget all contacts of the action. */
  readonly clear?: boolean
  /** Contacts to append to those that are there, in this order; one that is there already, for the same key, is ignored. */
  readonly add?: readonly ActionItem[]
  /** Of contacts that were added; a later result replaces an earlier one. */
  readonly results?: readonly ActionResult[]
}

/**
 * Keeps what the log does not hold of bulk actions: who ordered what, for which contacts, and the result of each (BULK-1).
 *
 * Promises: a save is one transaction, durable when it resolves, and visible to every later call. Of two saves with
 * the same revision one is written. Contacts are numbered 1, 2, 3 … without gaps, each of them once for
 * each key.
 */
export interface ActionStore {
  /**
   * Writes the record if it is the next revision of what is stored (1: nothing is), and the change with it.
   *
   * @returns how many contacts were added; `null` if another save was first: then nothing was written
   */
  saveAction(record: ActionRecord, change?: ActionChange): Promise<number | null>
  /** As it was saved last; `null` if it never was. */
  action(actionId: ActionId): Promise<ActionRecord | null>
  /** By their first save, the newest first: those after `after`, which must be one of them; at most `limit` (≥ 1). */
  actions(after: ActionId | null, limit: number): Promise<readonly ActionRecord[]>
  /** By number: those above `after` (0 for all), with this outcome if one is named; at most `limit` (≥ 1). */
  actionContacts(
    actionId: ActionId,
    after: number,
    limit: number,
    outcome?: ActionOutcome,
  ): Promise<readonly ActionContact[]>
}
