/** One request, read and permitted: what every page is given. And the links between pages. */
import type { CampaignId, ContactId, Either, Instant, Rejection } from '@enfold/core'
import { describeRejection, isLeft } from '@enfold/core'
import type { Engine } from '@enfold/engine'
import { denial, type PathIds, type Principal, pathSegment, type Scope, type Verb } from '@enfold/http'
import type { html } from 'hono/html'
import { Failure } from './failure.ts'
import type { Part } from './parts.ts'

/** Escaped text. Strings that are put into an `html` template are escaped, these are not. */
export type Html = ReturnType<typeof html>

export interface Call<Path extends string = string> {
  readonly engine: Engine
  readonly principal: Principal
  readonly request: Request
  readonly url: URL
  /** Ids of the path by their names. */
  readonly path: PathIds<Path>
  /** Fields of a form that was posted, its sender checked; empty otherwise. */
  readonly form: URLSearchParams
  /** Of the page's own script and stylesheet. */
  readonly nonce: string
  /** Of all forms on the page. */
  readonly token: string
  /** In which times are shown. `null`: the browser has not said it yet, and they are shown in `timeZone` all the same. */
  readonly chosenZone: string | null
  readonly timeZone: string
  readonly basePath: string
  /** Of the navigation. */
  readonly parts: readonly Part[]
  /** Names of contacts where the host gives any. */
  namesOf(contacts: readonly ContactId[]): Promise<ReadonlyMap<ContactId, string>>
  /** Asks `authorize` again, for an answer that lasts: whether this actor still sees the campaign, or all (`null`). Never rejects. */
  stillSees(campaignId: CampaignId | null): Promise<boolean>
  /** Reports an error to the host after the response has begun. */
  failed(error: unknown): void
  /** What is known of the last look at the whole log, by this console. */
  readonly verification: Verification
}

/** Kept by the console while it lives: one verification at a time, and what the last one found. */
export interface Verification {
  running: Promise<void> | null
  last: null | {
    readonly at: Instant
    readonly actor: string
    readonly report: Awaited<ReturnType<Engine['inspect']['verifyLog']>>
    readonly index: Awaited<ReturnType<Engine['verifyIndex']>> | null
  }
}

/** A request about one contact, one action, one campaign. */
export type ContactCall = Call<'/contacts/{contactId}'>
export type ActionCall = Call<'/actions/{actionId}'>
export type CampaignCall = Call<'/campaigns/{campaignId}'>

// --- Permissions ----------------------------------------------------------------------------------------------------

/** Whether the actor may: for what is shown. */
export function may({ principal }: Call, verbs: Verb | readonly Verb[], campaigns: Scope['campaigns']): boolean {
  return denial(principal, { verbs: typeof verbs === 'string' ? [verbs] : verbs, campaigns }) === null
}

/** Throws unless the actor may: for what is done. */
export function permit({ principal }: Call, scope: Scope): void {
  const why = denial(principal, scope)
  if (why !== null) throw new Failure(403, why)
}

// --- Links ----------------------------------------------------------------------------------------------------------

type Query = Readonly<Record<string, string | number | null | undefined>>

/** A link within the console. Segments are ids or words, any text; what is `null` in the query is left out. */
export function link({ basePath }: Pick<Call, 'basePath'>, segments: readonly string[], query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined) search.set(name, String(value))
  const text = search.size === 0 ? '' : `?${search}`
  return `${basePath}/${segments.map(pathSegment).join('/')}${text}`
}

/** What another page is shown by, after an order was carried out: reloading it orders nothing again. */
export function redirect(to: string): Response {
  return new Response(null, { status: 303, headers: { location: to } })
}

// --- Input ----------------------------------------------------------------------------------------------------------

/** The answer, or the sentence of what forbids it. */
export function answerOf<Answer>(either: Either<Rejection, Answer>): Answer {
  // What it was used for may be of a campaign that this actor does not see.
  if (isLeft(either) && either.left.type === 'CommandIdReused')
    throw new Failure(409, 'This order was sent before, as another one. Open the page again, and order it there.')
  if (isLeft(either))
    throw new Failure(UNKNOWN.has(either.left.type) ? 404 : 409, describeRejection(withoutOthers(either.left)))
  return either.right
}

/** The other campaigns may be none that this actor sees. */
export function withoutOthers(rejection: Rejection): Rejection {
  if (rejection.type !== 'CampaignUnknown') return rejection
  return { type: rejection.type, campaignId: rejection.campaignId }
}

const UNKNOWN: ReadonlySet<Rejection['type']> = new Set(['CampaignUnknown', 'SequenceUnknown', 'ActionUnknown'])

/** A text of one line out of a form; `null` for none. */
export function textOf(from: URLSearchParams, name: string): string | null {
  const text = from.get(name)?.trim() ?? ''
  return text === '' ? null : text
}

export function needed(from: URLSearchParams, name: string): string {
  const text = from.get(name)
  if (text === null || text === '') throw new Failure(400, `The field "${name}" is empty, and is needed.`)
  return text
}

export function numberOf(from: URLSearchParams, name: string): number | null {
  const text = from.get(name)
  if (text === null || text === '') return null
  if (!/^\d{1,15}$/.test(text)) throw new Failure(400, `The field "${name}" is no whole number.`)
  return Number(text)
}
