/**
 * Bulk actions as they are kept: what was ordered, how far it has come, and what became of each contact. The events
 * that an action leads to stand in the log, like any others; a contact that was left as it was stands here only. What each
 * save makes of a record is decided here; the engine processes. Rules BULK-1 to BULK-3.
 */
import type { Vars } from './events.ts'
import { sha256 } from './hash.ts'
import {
  type ActionId,
  type CampaignId,
  type ContactId,
  epochMsOf,
  type Instant,
  instantOf,
  type Position,
  type SequenceId,
} from './ids.ts'
import type { JsonObject } from './json.ts'
import { ACTION_OUTCOMES, type ActionKind, type ActionOutcome } from './verbs/index.ts'

/** How many contacts came to each outcome; every outcome is a key. */
export type ActionCounts = { readonly [outcome in ActionOutcome]: number }

export const ACTION_STATES = ['collecting', 'running', 'cancelled', 'done'] as const

/** One action, as of its last save. */
export interface ActionRecord {
  readonly actionId: ActionId
  /** 1, 2, 3 …: each save is the next. */
  readonly revision: number
  readonly action: ActionKind
  /** `null`: what is ordered is about whole contacts, or about what happened to them. Of an undo, those of the other action. */
  readonly campaignId: CampaignId | null
  readonly sequenceId: SequenceId | null
  /** For all contacts that name no key of their own (KEY-2). */
  readonly key?: string
  /** What else its verb was ordered with, by the names that it has there: `stepId`, `by`, `dueAt` …; of an undo what it undoes. */
  readonly order?: JsonObject
  /** The host's id of who ordered it; `null` for nobody. */
  readonly actor: string | null
  readonly reason: string | null
  /** What each run begins with, where it was ordered with variables (VAR-1). */
  readonly vars?: Vars
  /** Only of an undo: the action that it undoes (UNDO-1). */
  readonly undoes?: ActionId
  /** Only of an undo: runs of which something was dispatched are stopped (UNDO-2). */
  readonly stopSent?: boolean
  /** Only of an undo: waits that go on are longer by the gap (UNDO-3). */
  readonly shift?: boolean
  /** Where its contacts came from. No text of a search and no id is kept here, because it may be a name. */
  readonly source: JsonObject & { readonly from: 'ids' | 'search' | 'query' | 'csv' | 'action' }
  /**
   * `collecting`: its contacts are being read, none was touched yet. `running`: it is being processed, or waits for
   * being resumed. `cancelled` and `done` are final.
   */
  readonly state: (typeof ACTION_STATES)[number]
  readonly orderedAt: Instant
  /** When it was last saved: it came further, or a process took it up. Missing on records of an early release. */
  readonly movedAt?: Instant
  readonly endedAt: Instant | null
  /** The host's id of who cancelled it; `null` where nobody did or is named. */
  readonly cancelledBy: string | null
  /** How many it is for, each counted once; 0 while they are being collected. */
  readonly contacts: number
  /** How many were named again. */
  readonly repeated: number
  /** The first so many have their result. */
  readonly processed: number
  /** Of those that have their result. */
  readonly outcomes: ActionCounts
  /** Up to where in the log their events stand: what to wait for, where the read model follows the log. 0: nowhere yet. */
  readonly position: Position
  /** It was cancelled while a process worked on it, and that one has not reported its last contacts since. */
  readonly inHand?: true
  /** What a preview promised, where one was handed in. */
  readonly preview: ActionCounts | null
  /**
   * Of the contacts as they were named, so that the id given again with other contacts is found out. It is there from the
   * beginning where they can be read twice; of a stream when all of them are known. Of a search or a query it has four
   * digits, too few to confirm a guess of its text.
   */
  readonly contactsDigest?: string
  /** Of a stream that was cancelled while it was read: the digest is that of its first so many contacts. */
  readonly digestOfFirst?: number
}

/** A contact that an action is for; with a key where it is named for one run of it alone (KEY-2). */
export type ActionItem = ContactId | KeyedContact

export interface KeyedContact {
  readonly contactId: ContactId
  readonly key: string
}

/** What became of one run, where an order was for the runs of every key. */
export interface KeyedResult {
  readonly key: string
  readonly run: number
  readonly outcome: ActionOutcome
}

/** One contact's place in an action. */
export interface ActionContact {
  /** 1, 2, 3 … in the order in which they were named. */
  readonly number: number
  readonly contactId: ContactId
  /** Only where the contact is named for one key. */
  readonly key?: string
  /** `null`: not processed yet. */
  readonly outcome: ActionOutcome | null
  /** Of the sequence; `null` where there is none, or several. */
  readonly run: number | null
  /** Of `failed`: the type of a rejection, or a fault with its sentence. */
  readonly reason: string | null
  /** Only of a stop of every key: each of its runs (KEY-2). */
  readonly runs?: readonly KeyedResult[]
}

/** What became of one contact of an action. */
export type ActionResult = Omit<ActionContact, 'contactId' | 'key' | 'outcome'> & { readonly outcome: ActionOutcome }

/** Nobody yet. */
export const NO_OUTCOMES = Object.fromEntries(ACTION_OUTCOMES.map((outcome) => [outcome, 0])) as ActionCounts

export function addOutcomes(counts: ActionCounts, outcomes: Iterable<ActionOutcome>): ActionCounts {
  const sums: Record<ActionOutcome, number> = { ...counts }
  // Records of an early release lack outcomes that came later.
  for (const outcome of outcomes) sums[outcome] = (sums[outcome] ?? 0) + 1
  return sums
}

/**
 * The digest of contacts as they are named, group after group: `before` is that of the groups before, or the action's id.
 * 16 hexadecimal digits.
 */
export function contactsDigest(before: string, contacts: readonly ActionItem[]): string {
  const named = contacts.map((one) => (typeof one === 'string' ? one : [one.contactId, one.key]))
  return sha256(JSON.stringify([before, ...named])).slice(0, 16)
}

// --- The life of an action: begun, collected, advanced in groups, ended. Each of these is one save ------------------

/** An action as it is ordered. */
export type BegunAction = Pick<
  ActionRecord,
  | 'action'
  | 'actionId'
  | 'actor'
  | 'campaignId'
  | 'contactsDigest'
  | 'key'
  | 'order'
  | 'preview'
  | 'reason'
  | 'sequenceId'
  | 'shift'
  | 'source'
  | 'stopSent'
  | 'undoes'
  | 'vars'
>

/** What became of some contacts, and up to where in the log their events stand. */
export interface ActionProgress {
  readonly outcomes: readonly ActionOutcome[]
  readonly position: Position
  /** Its process was told to end: nothing more begins. */
  readonly isLast: boolean
}

/**
 * An action whose contacts are about to be collected.
 *
 * @param before an attempt of the same action that came to no end while it collected; `null`: there is none
 */
export function beginAction(order: BegunAction, before: ActionRecord | null, now: Instant): ActionRecord {
  if (before !== null) requireState(before, 'collecting')
  return {
    ...order,
    revision: (before?.revision ?? 0) + 1,
    state: 'collecting',
    orderedAt: before?.orderedAt ?? now,
    movedAt: now,
    endedAt: null,
    cancelledBy: null,
    contacts: 0,
    repeated: 0,
    processed: 0,
    outcomes: NO_OUTCOMES,
    position: 0,
  }
}

/** It was taken up by a process, or has more of its contacts: nothing else changes. */
export function movedAction(record: ActionRecord, now: Instant): ActionRecord {
  requireState(record, 'collecting', 'running')
  return { ...record, revision: record.revision + 1, movedAt: now }
}

/** All its contacts are known: `named` of them, `added` without those that were named again. */
export function collectedAction(
  record: ActionRecord,
  {
    added,
    named,
    contactsDigest: digest,
  }: { readonly added: number; readonly named: number; readonly contactsDigest: string },
  now: Instant,
): ActionRecord {
  requireState(record, 'collecting')
  return {
    ...movedAction(record, now),
    state: 'running',
    contacts: added,
    repeated: named - added,
    contactsDigest: digest,
  }
}

/**
 * The next contacts have their result. The last of them end the action. One that was cancelled meanwhile stays so, and
 * counts what was done all the same.
 */
export function advancedAction(
  record: ActionRecord,
  { outcomes, position, isLast }: ActionProgress,
  now: Instant,
): ActionRecord {
  requireState(record, 'running', 'cancelled')
  const processed = record.processed + outcomes.length
  if (processed > record.contacts && outcomes.length > 0)
    throw new Error(`The action is for ${record.contacts} contacts, and ${processed} have a result.`)
  const { inHand: _, ...reported } = record
  const advanced: ActionRecord = {
    ...reported,
    revision: record.revision + 1,
    movedAt: now,
    processed,
    outcomes: addOutcomes(record.outcomes, outcomes),
    position: Math.max(record.position, position),
  }
  if (record.state === 'cancelled') return advanced
  if (processed === record.contacts) return { ...advanced, state: 'done', endedAt: now }
  return isLast ? { ...advanced, state: 'cancelled', endedAt: now } : advanced
}

/**
 * It ends before its time, by somebody's order or because its process was told to end.
 *
 * @param collected where it ends while its contacts are collected: how many there are so far
 */
export function cancelledAction(
  record: ActionRecord,
  cancelledBy: string | null,
  now: Instant,
  collected?: { readonly added: number; readonly named: number; readonly contactsDigest: string },
): ActionRecord {
  const isInHand = record.state === 'running' && epochMsOf(now) - epochMsOf(record.movedAt ?? now) < IN_HAND_MS
  const ended: ActionRecord = { ...movedAction(record, now), state: 'cancelled', endedAt: now, cancelledBy }
  const cancelled: ActionRecord = isInHand ? { ...ended, inHand: true } : ended
  if (collected === undefined) return cancelled
  const { added, named, contactsDigest: digest } = collected
  const counted = { ...cancelled, contacts: added, repeated: named - added }
  return record.contactsDigest === undefined ? { ...counted, contactsDigest: digest, digestOfFirst: named } : counted
}

/** A group of contacts takes some seconds: what has not moved for so long has no process any more. */
const IN_HAND_MS = 60_000

/**
 * Whether nothing of an action changes any more, so that it can be undone; else until when to wait, `null` while it is not
 * over. What a process had in hand when it was cancelled is still done, and it may have died before it could say so.
 */
export function isSettled(record: ActionRecord, now: Instant): true | { readonly until: Instant | null } {
  if (!isOverAction(record)) return { until: null }
  const until = instantOf(epochMsOf(record.endedAt ?? now) + IN_HAND_MS)
  return record.inHand !== true || until <= now ? true : { until }
}

/** It was cancelled while a stream was read: what had been read of it tells the same order from another. */
export function cancelledStream(record: ActionRecord, named: number, digest: string): ActionRecord {
  requireState(record, 'cancelled')
  return { ...record, revision: record.revision + 1, contactsDigest: digest, digestOfFirst: named }
}

/** Whether it has ended: nothing begins any more. */
export function isOverAction({ state }: Pick<ActionRecord, 'state'>): boolean {
  return state === 'cancelled' || state === 'done'
}

function requireState({ actionId, state }: ActionRecord, ...allowed: ActionRecord['state'][]): void {
  if (!allowed.includes(state))
    throw new Error(`The action ${JSON.stringify(actionId)} is ${state}, not ${allowed.join(' or ')}.`)
}

// --- Afterwards ------------------------------------------------------------------------------------------------------

export interface ActionDifference {
  readonly outcome: ActionOutcome
  readonly previewed: number
  readonly happened: number
}

/** By what a finished action differs from its preview, which was stale then. Empty: by nothing, or nothing to compare. */
export function differencesFromPreview({ state, preview, outcomes }: ActionRecord): readonly ActionDifference[] {
  if (preview === null || state !== 'done') return []
  const both = ACTION_OUTCOMES.map((outcome) => ({
    outcome,
    previewed: preview[outcome] ?? 0,
    happened: outcomes[outcome] ?? 0,
  }))
  return both.filter(({ previewed, happened }) => previewed !== happened)
}
