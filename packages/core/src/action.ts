/**
 * Bulk actions as they are kept: what was ordered, how far it has come, and what became of each contact. The events
 * that an action leads to stand in the log, like any others; who was left as he was does not, and stands here only.
 * Processing is the engine's affair. Rules BULK-1 to BULK-3.
 */
import type { SequenceRef } from './events.ts'
import { sha256 } from './hash.ts'
import type { ActionId, ContactId, Instant, Position } from './ids.ts'
import type { JsonObject } from './json.ts'

/** What is done to each contact. */
export type ActionVerb = 'start' | 'stop' | 'restart'

/** What an action can come to for one contact. `failed`: its result says why. */
export const ACTION_OUTCOMES = [
  'started',
  'restarted',
  'already_active',
  'stopped',
  'not_active',
  'contact_unknown',
  'suppressed',
  'failed',
] as const

export type ActionOutcome = (typeof ACTION_OUTCOMES)[number]
/** How many contacts came to each outcome; every outcome is a key. */
export type ActionCounts = { readonly [outcome in ActionOutcome]: number }

/** One action, as of its last save. */
export interface ActionRecord extends SequenceRef {
  readonly actionId: ActionId
  /** 1, 2, 3 …: each save is the next. */
  readonly revision: number
  readonly action: ActionVerb
  /** The host's id of who ordered it; `null` for nobody. */
  readonly actor: string | null
  readonly reason: string | null
  /** Where its contacts came from. No text of a search and no id stands here, for it may be a name. */
  readonly source: JsonObject & { readonly from: 'ids' | 'search' | 'query' | 'csv' }
  /**
   * `collecting`: its contacts are being read, none was touched yet. `running`: it is being processed, or waits for
   * being resumed. `cancelled` and `done` are final.
   */
  readonly state: 'collecting' | 'running' | 'cancelled' | 'done'
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
  /** What a preview promised, where one was handed in. */
  readonly preview: ActionCounts | null
  /**
   * Of the contacts as they were named, so that the id given again with other contacts is found out. Absent until all are
   * known. Of a search or a query it has four digits, too few to confirm a guess of its text.
   */
  readonly contactsDigest?: string
}

/** One contact's place in an action. */
export interface ActionContact {
  /** 1, 2, 3 … in the order in which they were named. */
  readonly number: number
  readonly contactId: ContactId
  /** `null`: not processed yet. */
  readonly outcome: ActionOutcome | null
  /** Of the sequence; `null` where there is none. */
  readonly run: number | null
  /** Of `failed`: the type of a rejection, or a fault with its sentence. */
  readonly reason: string | null
}

/** What became of one contact of an action. */
export type ActionResult = Omit<ActionContact, 'contactId' | 'outcome'> & { readonly outcome: ActionOutcome }

/** Nobody yet. */
export const NO_OUTCOMES: ActionCounts = {
  started: 0,
  restarted: 0,
  already_active: 0,
  stopped: 0,
  not_active: 0,
  contact_unknown: 0,
  suppressed: 0,
  failed: 0,
}

export function addOutcomes(counts: ActionCounts, outcomes: Iterable<ActionOutcome>): ActionCounts {
  const sums: Record<ActionOutcome, number> = { ...counts }
  for (const outcome of outcomes) sums[outcome] += 1
  return sums
}

/**
 * The digest of contacts as they are named, group after group: `before` is that of the groups before, or the action's id.
 * 16 hexadecimal digits.
 */
export function contactsDigest(before: string, contacts: readonly ContactId[]): string {
  return sha256(JSON.stringify([before, ...contacts])).slice(0, 16)
}

export interface ActionDifference {
  readonly outcome: ActionOutcome
  readonly previewed: number
  readonly happened: number
}

/** By what a finished action differs from its preview, which was stale then. Empty: by nothing, or nothing to compare. */
export function differencesFromPreview({ state, preview, outcomes }: ActionRecord): readonly ActionDifference[] {
  if (preview === null || state !== 'done') return []
  return ACTION_OUTCOMES.filter((outcome) => preview[outcome] !== outcomes[outcome]).map((outcome) => ({
    outcome,
    previewed: preview[outcome],
    happened: outcomes[outcome],
  }))
}
