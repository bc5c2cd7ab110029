/** Actions over many contacts: previewed, begun, followed, cancelled, resumed, listed, downloaded. */
import {
  type About,
  ACTION_VERBS,
  type ActionId,
  type ActionKind,
  actionPermission,
  type CampaignId,
  type Either,
  type JsonObject,
  type Rejection,
} from '@enfold/core'
import type { ActionOrder, ActionTarget, ActionView, ContactSource, Engine, ProcessOptions } from '@enfold/engine'
import type { Static } from 'typebox'
import {
  begun,
  CSV_HEADERS,
  EVENT_STREAM_HEADERS,
  isOver,
  progressOf,
  streamed,
  whilePermitted,
} from './action-stream.ts'
import { campaignsOf } from './contact-routes.ts'
import { canSee, type Principal, type Scope, visibleTo } from './permissions.ts'
import { answerOf, type Call, found, given, Reply, type Route, reading, route } from './route.ts'
import * as s from './schemas.ts'

/** The name of the column of ids, where it is not `contactId` or `id`, and of the column of keys, where it is not `key`. */
const LIST = { column: s.optional(s.Str), keyColumn: s.optional(s.Str) }
const CSV_TARGET = s.strictObject({ ...s.TARGET, ...LIST, limit: s.optional(s.integer(1, 1_000_000)) })
const CSV_ORDER = s.strictObject({ ...s.TARGET, ...LIST, actionId: s.optional(s.Id) })

type Target = Pick<Static<typeof s.ActionTarget>, 'action' | 'campaignId' | 'contacts'>

/** An action, or what will be one. */
export interface ScopedAction {
  readonly action: ActionKind
  /** What it is about, if it is about a sequence. */
  readonly campaignId?: CampaignId | null | undefined
  readonly contacts?: ContactSource
  /** Of an undo: what it undoes. */
  readonly order?: JsonObject
}

/** In the sequence's campaign, or all of them; and where contacts are found by sequences, there as well. */
export function actionScope({ action, campaignId = null, contacts, order }: ScopedAction): Scope {
  const sources = contacts !== undefined && 'query' in contacts ? campaignsOf(contacts.query) : []
  // What an order says of a campaign counts only where its verb is about one.
  const isOfAll = action !== 'undo' && !OF_SEQUENCE.has(ACTION_VERBS[action].about)
  const verbs = actionPermission(action, order?.verb as ActionKind | undefined)
  if (isOfAll || campaignId === null || sources === 'all') return { verbs, campaigns: 'all' }
  return { verbs, campaigns: [campaignId, ...sources] }
}

const OF_SEQUENCE: ReadonlySet<About> = new Set<About>(['sequence', 'step'])

/** The scope of an order whose contacts may be those of an action, which the actor must see. */
async function targetScope(
  { principal, engine }: Pick<Call, 'principal' | 'engine'>,
  target: ScopedAction,
): Promise<Scope> {
  const { contacts } = target
  if (contacts !== undefined && 'action' in contacts) await visibleAction(engine, principal, contacts.action)
  return actionScope(target)
}

/** A request whose path names an action. */
type ActionCall = Call<unknown, unknown, '/actions/{actionId}'>

const recordOf = ({ principal, engine, path: { actionId } }: ActionCall) => visibleAction(engine, principal, actionId)

/** Of a campaign that the actor does not see there is none, as far as they can tell. */
async function visibleAction(engine: Engine, principal: Principal, actionId: ActionId): Promise<ActionView> {
  const action = await engine.inspect.action(actionId)
  return found(action !== null && canSee(principal, action.campaignId) ? action : null, {
    type: 'ActionUnknown',
    actionId,
  })
}

/**
 * The actions that the actor sees, the newest first. What lies between is passed over, so that neither a page's length
 * nor its `next` tells of others. `null`: the actor sees no such `after`.
 */
export async function visibleActions(
  engine: Engine,
  principal: Principal,
  { after = null, limit = 50 }: { readonly after?: ActionId | null; readonly limit?: number } = {},
): Promise<Awaited<ReturnType<Engine['inspect']['actions']>> | null> {
  if (principal.campaigns === undefined) return engine.inspect.actions({ after, limit })
  if (after !== null) {
    const before = await engine.inspect.action(after)
    if (before === null || !canSee(principal, before.campaignId)) return null
  }
  const visible: ActionView[] = []
  for (let from = after; visible.length <= limit; ) {
    const page: Awaited<ReturnType<Engine['inspect']['actions']>> = await engine.inspect.actions({
      after: from,
      limit: 1000,
    })
    visible.push(...visibleTo(principal, page.actions))
    if (page.next === null) break
    from = page.next
  }
  const actions = visible.slice(0, limit)
  return { actions, next: visible.length > limit ? (actions.at(-1)?.actionId ?? null) : null }
}

const readingAction = async (call: ActionCall) => {
  const { campaignId } = await recordOf(call)
  return reading(campaignId === null ? 'all' : [campaignId])
}
const orderingAction = async (call: ActionCall) => {
  const { action, campaignId, order = {} } = await recordOf(call)
  return actionScope({ action, campaignId, order })
}

/** Begins an action and answers as soon as its contacts are known; it goes on after the answer. */
async function replyOnceBegun(
  call: Call<unknown, unknown>,
  begin: (options: ProcessOptions) => Promise<Either<Rejection, ActionView>>,
): Promise<Reply> {
  const action = await begun((options) => begin(options).then(answerOf), call.failed)
  return new Reply(isOver(action) ? 200 : 202, action)
}

function orderOfAction(
  { principal, commandId }: Call<unknown, unknown>,
  { actionId = commandId ?? crypto.randomUUID(), ...order }: { readonly actionId?: ActionId | undefined },
  contacts: ContactSource,
): ActionOrder {
  // What it has is what some verb takes; the engine says what its own verb takes.
  return { ...given(order), actionId, contacts, actor: principal.id } as ActionOrder
}

/** The contacts of a body, as the engine takes them: without the options that were left out. */
const sourceOf = (contacts: Target['contacts']) =>
  ('query' in contacts ? { query: given(contacts.query) } : contacts) as ContactSource

const scopeOf = (call: Call<unknown, Target>) =>
  targetScope(call, {
    action: call.body.action,
    campaignId: call.body.campaignId,
    contacts: sourceOf(call.body.contacts),
  })

const previews: readonly Route[] = [
  route({
    id: 'previewAction',
    method: 'post',
    path: '/actions/preview',
    summary:
      'What an action would come to: how many contacts for each outcome, and what of schedules; nothing is written',
    body: s.ActionTarget,
    answers: { 200: s.Preview },
    scope: async (call) => ({ ...(await scopeOf(call)), verbs: ['read'] }),
    async handle({ body: { contacts, limit, ...more }, engine }) {
      const target = { ...given(more), contacts: sourceOf(contacts) } as ActionTarget
      return answerOf(await engine.previewAction(target, given({ limit })))
    },
  }),
  route({
    id: 'previewActionOfCsv',
    method: 'post',
    path: '/actions/preview/csv',
    summary: 'As previewAction, for the contacts of a CSV: one column of ids, or a first line that names it',
    query: CSV_TARGET,
    csv: true,
    answers: { 200: s.Preview },
    scope: ({ query }) => ({ ...actionScope(query), verbs: ['read'] }),
    async handle(call) {
      const { column, keyColumn, limit, ...more } = call.query
      const target = { ...given(more), contacts: given({ csv: call.upload(), column, keyColumn }) } as ActionTarget
      return answerOf(await call.engine.previewAction(target, given({ limit })))
    },
  }),
]

const beginnings: readonly Route[] = [
  route({
    id: 'processAction',
    method: 'post',
    path: '/actions',
    summary:
      'Begins an action over many contacts: any verb by its word, with its options; the same id again is the same action',
    body: s.ActionOrder,
    answers: { 200: s.Action, 202: s.Action },
    scope: (call) => scopeOf(call),
    handle(call) {
      const { contacts, preview, ...order } = call.body
      const ordered = orderOfAction(call, order, sourceOf(contacts))
      return replyOnceBegun(call, (options) =>
        call.engine.processAction(ordered, { ...options, ...given({ preview }) }),
      )
    },
  }),
  route({
    id: 'processActionOfCsv',
    method: 'post',
    path: '/actions/csv',
    summary: 'As processAction, for the contacts of a CSV: one column of ids, or a first line that names it',
    query: CSV_ORDER,
    csv: true,
    answers: { 200: s.Action, 202: s.Action },
    scope: ({ query }) => actionScope(query),
    handle(call) {
      const { column, keyColumn, ...order } = call.query
      const contacts = given({ csv: call.upload(), column, keyColumn }) as ContactSource
      const ordered = orderOfAction(call, order, contacts)
      return replyOnceBegun(call, (options) => call.engine.processAction(ordered, options))
    },
  }),
]

const reads: readonly Route[] = [
  route({
    id: 'listActions',
    method: 'get',
    path: '/actions',
    summary: 'All actions, the newest first: who ordered what, when, why, and the results',
    query: s.strictObject({ after: s.optional(s.Id), limit: s.Limit }),
    answers: { 200: s.Actions },
    scope: reading('any'),
    async handle({ principal, engine, query }) {
      return found(await visibleActions(engine, principal, given(query)), {
        type: 'ActionUnknown',
        // Missing only where one is named after which to go on.
        actionId: query.after ?? '',
      })
    },
  }),
  route({
    id: 'getAction',
    method: 'get',
    path: '/actions/{actionId}',
    summary: 'One action, with its progress',
    answers: { 200: s.Action },
    scope: readingAction,
    handle: recordOf,
  }),
  route({
    id: 'getActionContacts',
    method: 'get',
    path: '/actions/{actionId}/contacts',
    summary: 'The result of each contact; `after` is a number',
    query: s.strictObject({ outcome: s.optional(s.Outcome), after: s.optional(s.integer(0)), limit: s.Limit }),
    answers: { 200: s.ActionContacts },
    scope: readingAction,
    handle: ({ engine, path, query }) => engine.inspect.actionContacts({ actionId: path.actionId, ...given(query) }),
  }),
]

/** What is sent piece by piece, as long as the actor may see it. */
const streams: readonly Route[] = [
  route({
    id: 'downloadActionResults',
    method: 'get',
    path: '/actions/{actionId}/results.csv',
    summary: 'The result of each contact, as a CSV file',
    answers: { 200: 'text/csv' },
    scope: readingAction,
    handle: async (call) =>
      streamed(
        whilePermitted(call.engine.inspect.actionCsv(call.path.actionId), call.stillPermitted),
        call.failed,
        CSV_HEADERS,
      ),
  }),
  route({
    id: 'followAction',
    method: 'get',
    path: '/actions/{actionId}/progress',
    summary: 'The progress of the action, as server-sent events, until it ends',
    answers: { 200: 'text/event-stream' },
    scope: readingAction,
    handle: async (call) =>
      streamed(
        progressOf({
          signal: call.request.signal,
          look: () => recordOf(call),
          isStillPermitted: call.stillPermitted,
          stateOf: ({ revision }) => String(revision),
          eventOf: (action) => `id: ${action.revision}\nevent: progress\ndata: ${JSON.stringify(action)}\n\n`,
        }),
        call.failed,
        EVENT_STREAM_HEADERS,
      ),
  }),
]

/** Orders on an action that has begun. */
const orders: readonly Route[] = [
  route({
    id: 'cancelAction',
    method: 'post',
    path: '/actions/{actionId}/cancel',
    summary: 'Ends an action after the current group of contacts',
    body: s.strictObject({}),
    answers: { 200: s.Action },
    scope: orderingAction,
    handle: async ({ principal, engine, path }) =>
      answerOf(await engine.cancelAction(path.actionId, { actor: principal.id })),
  }),
  route({
    id: 'resumeAction',
    method: 'post',
    path: '/actions/{actionId}/resume',
    summary: 'Continues an action whose process died',
    body: s.strictObject({}),
    answers: { 200: s.Action, 202: s.Action },
    scope: orderingAction,
    handle: (call) => replyOnceBegun(call, (options) => call.engine.resumeAction(call.path.actionId, options)),
  }),
]

/** Undoing an action: an action of its own (UNDO-1). */
const undoing: readonly Route[] = [
  route({
    id: 'previewUndo',
    method: 'post',
    path: '/actions/{actionId}/undo/preview',
    summary: 'What undoing an action would come to, contact by contact; nothing is written',
    body: s.strictObject({ ...s.UNDO, limit: s.optional(s.integer(1, 1_000_000)) }),
    answers: { 200: s.Preview },
    scope: readingAction,
    async handle({ body: { limit, ...how }, engine, path }) {
      return answerOf(await engine.previewUndo(given({ ...how, undoes: path.actionId }), given({ limit })))
    },
  }),
  route({
    id: 'undoAction',
    method: 'post',
    path: '/actions/{actionId}/undo',
    summary: 'Begins an action that undoes this one; `undoId` is its own id, and the same id again is the same action',
    body: s.strictObject({
      ...s.UNDO,
      undoId: s.optional(s.Id),
      reason: s.optional(s.Str),
      preview: s.optional(s.Preview),
    }),
    answers: { 200: s.Action, 202: s.Action },
    async scope(call) {
      const { action, campaignId } = await recordOf(call)
      return actionScope({ action: 'undo', campaignId, order: { verb: action } })
    },
    handle(call) {
      const { undoId: actionId = call.commandId ?? crypto.randomUUID(), preview, ...how } = call.body
      const order = given({ ...how, actionId, undoes: call.path.actionId, actor: call.principal.id })
      return replyOnceBegun(call, (options) => call.engine.undoAction(order, { ...options, ...given({ preview }) }))
    },
  }),
]

export const actionRoutes: readonly Route[] = [...previews, ...beginnings, ...reads, ...streams, ...orders, ...undoing]
