/** What a route is: one entry of a table from which requests are routed, checked and permitted, and documented. */
import { type CampaignId, type Either, isLeft, type Rejection } from '@enfold/core'
import type { Engine, Order } from '@enfold/engine'
import type { Static, TSchema } from 'typebox'
import type { Principal, Scope, Verb } from './permissions.ts'
import { Refused, rejectionProblem } from './problem.ts'
import type { PathIds } from './shell.ts'

/** A request that was read and found to be of the right shape. */
export interface Call<Query = unknown, Body = unknown, Path extends string = string> {
  readonly engine: Engine
  readonly principal: Principal
  readonly request: Request
  /** Ids of the path by their names in the template. */
  readonly path: PathIds<Path>
  readonly query: Query
  readonly body: Body
  /** The body as it comes, up to the limit of uploads; for routes that take a CSV. */
  upload(): AsyncIterable<Uint8Array>
  /** The `Idempotency-Key`, which is the command's id. */
  readonly commandId: string | null
  readonly limits: Limits
  /** Asks `authorize` again: for an answer that lasts. Never rejects. */
  stillPermitted(): Promise<boolean>
  /** Reports an error to the host after the response has begun. */
  failed(error: unknown): void
}

export interface Limits {
  /** Of a JSON body. */
  readonly maxBodyBytes: number
  /** Of a CSV. */
  readonly maxUploadBytes: number
  /** How many signals may come in one request. */
  readonly maxBatch: number
}

export interface Route {
  /** The `operationId`. */
  readonly id: string
  readonly method: 'get' | 'post' | 'put'
  /** Segments in braces are ids. */
  readonly path: `/${string}`
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  /** Takes a CSV as its body. */
  readonly csv?: boolean
  /** Shape by status; a text is a media type. */
  readonly answers: { readonly [status: number]: TSchema | string }
  /** Sends an `ETag`, and 304 to a client that has it already. */
  readonly etag?: boolean
  /** What the request is about to do. Asked before anything is done. */
  scope(call: Call): Scope | Promise<Scope>
  /** A plain value is answered with status 200. */
  handle(call: Call): Promise<unknown>
}

/** An answer with another status, or with headers. */
export class Reply {
  readonly status: number
  readonly value: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.value = value
    this.headers = headers
  }
}

interface Typed<Q extends TSchema, B extends TSchema, Path extends Route['path']>
  extends Omit<Route, 'path' | 'query' | 'body' | 'scope' | 'handle'> {
  readonly path: Path
  readonly query?: Q
  readonly body?: B
  readonly scope: Scope | ((call: Call<Static<Q>, Static<B>, NoInfer<Path>>) => Scope | Promise<Scope>)
  handle(call: Call<Static<Q>, Static<B>, NoInfer<Path>>): Promise<unknown>
}

/** An entry of the table, whose handler knows the types of its path, query and body. */
export function route<Path extends Route['path'], Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  one: Typed<Q, B, Path>,
): Route {
  const { scope } = one
  return { ...one, scope: typeof scope === 'function' ? scope : () => scope } as Route
}

export const reading = (campaigns: Scope['campaigns']): Scope => ({ verbs: ['read'], campaigns })

/** What needs these permissions, and concerns the campaign of the path. */
export const onCampaign =
  (...verbs: readonly Verb[]) =>
  ({ path }: { readonly path: { readonly campaignId: CampaignId } }): Scope => ({ verbs, campaigns: [path.campaignId] })

/** What needs these permissions, and concerns all campaigns. */
export const onAllCampaigns = (...verbs: readonly Verb[]): Scope => ({ verbs, campaigns: 'all' })

/** Who orders it, why, and under which id. */
export function orderOf({ principal, body, commandId }: Call<unknown, unknown>): Order {
  const { reason } = (body ?? {}) as { reason?: string }
  return {
    actor: principal.id,
    ...(reason === undefined ? {} : { reason }),
    ...(commandId === null ? {} : { commandId }),
  }
}

/** The answer; a rejection is refused with its problem. */
export function answerOf<Answer>(either: Either<Rejection, Answer>): Answer {
  if (isLeft(either)) throw new Refused(rejectionProblem(either.left))
  return either.right
}

/** What is there; `null` is refused as not found. */
export function found<Thing>(thing: Thing | null, rejection: Rejection): Thing {
  if (thing === null) throw new Refused(rejectionProblem(rejection))
  return thing
}

/** A value without what is `undefined`: options that were left out are not there. */
export function given<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never
}
