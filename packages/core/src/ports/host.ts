/** What the engine needs of the host: its contacts, its handlers, the time, and a connection with a transaction open. */
import type { StepDefinition } from '../definition.ts'
import type { Vars } from '../events.ts'
import type { CampaignId, ContactId, Instant, SequenceId } from '../ids.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Page } from './tag-index.ts'

/** What the host knows of a contact at the moment of a decision. Read, never kept, save for what LOG-4 names. */
export interface Facts {
  /** IANA name. Left out: the campaign's. */
  readonly timeZone?: string
  readonly tags?: readonly string[]
  /** What conditions and timers read: texts, numbers, booleans; of a `Date` its `toISOString()`. */
  readonly fields?: { readonly [field: string]: JsonValue }
}

/**
 * The host's directory of contacts. Left out of `createEngine`: every contact exists, with no facts. While it is down,
 * stops, pauses, bans, erasures and questions still work.
 */
export interface ContactDirectory {
  /** `null`: there is no such contact (START-6). */
  get(contactId: ContactId): Promise<Facts | null> | Facts | null
  /** As `get`, for many; ids without an entry do not exist. Left out: `get` one by one. */
  getMany?(contactIds: readonly ContactId[]): Promise<ReadonlyMap<ContactId, Facts>> | ReadonlyMap<ContactId, Facts>
  /** Quick search by whatever the host finds contacts by. */
  search?(
    query: string,
    page: Page,
  ): Promise<{ readonly contacts: readonly ContactId[]; readonly next: ContactId | null }>
}

/** What a handler is told of the step that it is to do. `Params`: what the schema of its kind gives, where it has one. */
export interface StepCall<Params = JsonObject> {
  readonly contactId: ContactId
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  /** What the run is about (KEY-1); absent where the sequence has no keys. */
  readonly key?: string
  readonly run: number
  /** What the run began with (VAR-1); absent if there is none. */
  readonly vars?: Vars
  /** As the run's version defines it. */
  readonly step: Omit<StepDefinition, 'params'> & { readonly params: Params }
  readonly facts: Facts
  /** 1 for the first. */
  readonly attempt: number
  /** 0 for the scheduled sending, 1, 2, … for resends. */
  readonly resend: number
  /** 2, 3 … where an operator moved the run back to have the step done again (JUMP-1); absent for the first time. */
  readonly occurrence?: number
  /** The same for every attempt at the same sending (STEP-4). */
  readonly idempotencyKey: string
  /**
   * An address that takes what is for the contact, instead of the contact: what `createEngine` was given as `deliverTo`.
   * Only handlers that are `redirectable` are called with it (DELIVER-1). Absent: the contact.
   */
  readonly deliverTo?: string
  /** Aborts when the handler's time is over, or when the engine shuts down and has waited for it long enough. */
  readonly signal: AbortSignal
}

/** What a handler returns. */
export type StepOutcome =
  /**
   * `receipt`: an opaque id of the sending, at most 500 characters, recorded. No address or text (LOG-4). In this and in
   * `reason`, a number is recorded as text, and what is neither is left out.
   */
  | { readonly outcome: 'sent'; readonly receipt?: string }
  | { readonly outcome: 'skipped'; readonly reason: string }
  /**
   * `reason`: recorded; no personal data (LOG-4). `permanent`: no retry. `retryAfterMs`: not before that long from now.
   * `unknown`: it may have been sent all the same; a step with `onUnknown: "hold"` is then held, not retried (STEP-6).
   */
  | {
      readonly outcome: 'failed'
      readonly reason: string
      readonly permanent?: boolean
      readonly unknown?: boolean
      readonly retryAfterMs?: number
    }

/**
 * Does one step for one contact. Whatever it throws is a failure of this step alone (STEP-7), with an unknown outcome:
 * `onUnknown` says whether it is tried again or held (STEP-6).
 */
export type StepHandler<Params = JsonObject> = (call: StepCall<Params>) => Promise<StepOutcome> | StepOutcome

/** Time. `createSimulatedClock` of the testkit is another one. */
export interface Clock {
  now(): Instant
  /** Resolves after `ms` of this clock's time, or at once when the signal aborts. Left out: real time. */
  wait?(ms: number, signal: AbortSignal): Promise<void>
}

/**
 * A connection on which the host has a transaction open: a client of `pg`, or anything that can be made to look like one.
 * `values` are texts or null, and stand for $1, $2 … in `text`. The rows are objects by the name of the column: in
 * `rows`, as `pg` has them, or as a list.
 */
export interface TransactionClient {
  query(text: string, values: (string | null)[]): Promise<{ readonly rows: readonly object[] } | readonly object[]>
}
