/**
 * The words for "which one" and "when": ids, instants, streams, and the ids that are computed from others.
 * Ids are the host's opaque strings; nothing here or elsewhere looks inside one.
 */
import { EnfoldFault } from './fault.ts'
import { uuidOf } from './hash.ts'

declare const kind: unique symbol

/** A string that TypeScript will not let you pass where another kind of id is wanted; a plain string passes. */
type Flavored<Kind extends string> = string & { readonly [kind]?: Kind }

export type ContactId = Flavored<'contact'>
export type CampaignId = Flavored<'campaign'>
export type SequenceId = Flavored<'sequence'>
export type GoalId = Flavored<'goal'>
export type StepId = Flavored<'step'>
export type CommandId = Flavored<'command'>
export type EventId = Flavored<'event'>
export type ActionId = Flavored<'action'>
export type WorkerId = Flavored<'worker'>
/** Names one stream of the log: `contact-<id>` or `campaign-<id>`. */
export type StreamId = Flavored<'stream'>
/** A moment in UTC, always 24 characters (`2026-03-01T09:00:00.000Z`), so that comparing strings compares time. */
export type Instant = Flavored<'instant'>
/** The active-sequence tag of a contact; see `tagOf`. */
export type Tag = Flavored<'tag'>
/** 1 for the first event of a stream, without gaps. 0 stands for "no event yet". */
export type Version = number
/** Where an event stands in the whole log: grows from event to event, may have gaps. 0 stands before the first. */
export type Position = number

/** Ids are at most this many characters (Unicode code points). Rule LOG-6. */
export const MAX_ID_LENGTH = 200

/**
 * True for every string that may be an id: 1 to 200 characters of well-formed Unicode. Rule LOG-6.
 * A lone surrogate is no character: UTF-8 cannot hold it, and two such ids would become one in a database.
 *
 * @example
 * isLegalId('__proto__') // true
 * isLegalId('')          // false
 */
export function isLegalId(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || !value.isWellFormed()) return false
  return value.length <= MAX_ID_LENGTH || (value.length <= 2 * MAX_ID_LENGTH && [...value].length <= MAX_ID_LENGTH)
}

/** Returns the id, or throws an `EnfoldFault` with code `INVALID_INPUT` that names the path and the value. */
export function requireId<Id extends string>(path: string, value: unknown): Id {
  if (isLegalId(value)) return value as Id
  // Ids of databases are numbers as often as not.
  const fix = typeof value === 'number' || typeof value === 'bigint' ? '. Of a number, pass String(id)' : ''
  throw EnfoldFault.invalidInput(path, value, `a string of 1 to ${MAX_ID_LENGTH} well-formed characters${fix}`)
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** True for a real moment in the one form that the log uses (UTC, milliseconds, years 0000 to 9999). */
export function isInstant(value: unknown): value is Instant {
  return typeof value === 'string' && INSTANT.test(value) && instantOf(Date.parse(value)) === value
}

/** The instant that was asked for last: mostly that of now, by many. */
let latest = { ms: 0, instant: new Date(0).toISOString() }

/**
 * The instant of a number of milliseconds since 1970, cut to the years that 24 characters can hold. Of NaN it makes a
 * text that `isInstant` refuses.
 *
 * @example
 * instantOf(0) // '1970-01-01T00:00:00.000Z'
 */
export function instantOf(epochMs: number): Instant {
  if (Number.isNaN(epochMs)) return 'not an instant'
  const ms = Math.min(Math.max(Math.trunc(epochMs), -62167219200000), 253402300799999)
  if (ms !== latest.ms) latest = { ms, instant: new Date(ms).toISOString() }
  return latest.instant
}

/** Milliseconds since 1970 of an instant. */
export function epochMsOf(instant: Instant): number {
  return Date.parse(instant)
}

export function contactStream(contactId: ContactId): StreamId {
  return `contact-${contactId}`
}

export function campaignStream(campaignId: CampaignId): StreamId {
  return `campaign-${campaignId}`
}

/** The contact whose stream this is, or `null` if it is not a contact's. */
export function contactOf(stream: StreamId): ContactId | null {
  return stream.startsWith('contact-') ? stream.slice('contact-'.length) : null
}

/** The campaign whose stream this is, or `null` if it is not a campaign's. */
export function campaignOf(stream: StreamId): CampaignId | null {
  return stream.startsWith('campaign-') ? stream.slice('campaign-'.length) : null
}

/**
 * The id of the `index`-th event that a command adds to a stream: a uuid v5, the same for every attempt (LOG-3, ONCE-1).
 * The stream belongs to the name because one command id may be used for many contacts.
 */
export function eventIdOf(stream: StreamId, commandId: CommandId, index: number): EventId {
  return uuidOf(JSON.stringify([stream, commandId, index]))
}

/**
 * What the ids of the engine's own commands begin with. Ids of callers never do: event ids are made of command ids, and
 * who could give the id of an outcome, a signal or a bulk action's part would have it found done, or refused.
 */
export const ENGINE_ID_PREFIX = 'enfold:'

/** True for every string that a caller may give as a command id: a legal id that is none of the engine's own. */
export function isCallersCommandId(value: unknown): value is CommandId {
  return isLegalId(value) && !value.startsWith(ENGINE_ID_PREFIX)
}

/**
 * The id of a command that the engine makes for itself: of what it is, and a uuid v5 of the other ids that it follows
 * from, so that it fits wherever an id fits, and is the same each time. No caller can give such an id.
 *
 * @example
 * derivedCommandId('signal', 'form-4711') // 'enfold:signal:…', the command that handles this signal
 */
export function derivedCommandId(what: EngineCommand, ...from: readonly string[]): CommandId {
  return `${ENGINE_ID_PREFIX}${what}:${uuidOf(JSON.stringify([what, ...from]))}`
}

/** `due`: what is due of a contact. `outcome`: of a handler. `unpublish`: a stop that belongs to it. */
export type EngineCommand = 'signal' | 'bulk' | 'unpublish' | 'due' | 'outcome'

/** What a sending is *of*: the same for each retry of it, another for each resend. */
export interface SendingRef {
  readonly contactId: ContactId
  readonly campaignId: CampaignId
  readonly sequenceId: SequenceId
  readonly run: number
  readonly stepId: StepId
  /** 0 for the scheduled sending, 1, 2, … for resends. */
  readonly resend: number
  /** Of the enrollment (KEY-1); absent or empty where the sequence has no keys. */
  readonly key?: string
  /** 2, 3 … after a move backwards that sends the step again (JUMP-1). */
  readonly occurrence?: number
}

/**
 * The idempotency key of a sending: a uuid v5 of exactly the fields of `SendingRef`. Rules STEP-4, KEY-2, JUMP-1. What not every
 * sending has stands in an object at the end, so that the key of one that has none of it stays what it always was.
 */
export function idempotencyKeyOf(s: SendingRef): string {
  const { key = '', occurrence = 1 } = s
  const further = { ...(key === '' ? {} : { key }), ...(occurrence === 1 ? {} : { occurrence }) }
  const more = Object.keys(further).length === 0 ? [] : [further]
  return uuidOf(JSON.stringify([s.contactId, s.campaignId, s.sequenceId, s.run, s.stepId, s.resend, ...more]))
}

/**
 * Orders ids by Unicode code points, the order in which databases with a binary collation keep UTF-8 text.
 * (JavaScript's `<` compares UTF-16 units, which puts emoji before U+FFFD.)
 */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Where exactly one is a surrogate, it stands for a character above all of the basic plane.
    const xIsHigh = x >= 0xd800 && x <= 0xdfff
    const yIsHigh = y >= 0xd800 && y <= 0xdfff
    if (xIsHigh !== yIsHigh) return xIsHigh ? 1 : -1
    return x - y
  }
  return a.length - b.length
}
