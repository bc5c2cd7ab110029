/** Every page and every order: where it is, what it is about to do, and who makes it. No route compiles without a scope. */
import type { Scope } from '@enfold/http'
import { targetScope } from './action-order.ts'
import { actionPage, cancelAction, resumeAction } from './action-page.ts'
import { progressStream, resultsCsv } from './action-stream.ts'
import { actionLookScope, actionOrderScope } from './action-view.ts'
import { attentionPage } from './attention-page.ts'
import { auditPage, verifyLog } from './audit-page.ts'
import type { Call } from './call.ts'
import { campaignPage, campaignScope, campaignsPage } from './campaign-pages.ts'
import { choosePage, chooseScope } from './choose-page.ts'
import { refreshContact, refreshScope } from './contact-orders.ts'
import { contactPage } from './contact-page.ts'
import { nowPage } from './now-page.ts'
import { giveOrder, orderPage, orderScope } from './order-page.ts'
import type { Page } from './page.ts'
import { givePause, pausePage, pauseScope } from './pause-page.ts'
import { previewPage, process } from './preview-page.ts'
import { searchPage } from './search-page.ts'
import { orderUndoPage, orderUndoScope, undoOneOrder } from './undo-order-page.ts'
import { undoAction, undoPage, undoScope } from './undo-page.ts'
import { whyPage, whyScope } from './why-page.ts'
import { chooseZone } from './zone.ts'

export interface Route {
  readonly method: 'get' | 'post'
  readonly path: `/${string}`
  /** What the request is about to do. Asked before anything is done. */
  readonly scope: Scope | ((call: Call) => Scope | Promise<Scope>)
  handle(call: Call): Promise<Page | Response>
}

/** `NoInfer`, which TypeScript 5.0 does not know: these types come to stand next to the public ones. */
type NotInferred<Path extends string> = [Path][Path extends unknown ? 0 : never]
type ScopeOf<Path extends string> = Scope | ((call: Call<Path>) => Scope | Promise<Scope>)
type Handle<Path extends string> = (call: Call<Path>) => Promise<Page | Response>

/** The scope and the handler know the ids of the path by their names. */
export const get = <Path extends Route['path']>(
  path: Path,
  scope: ScopeOf<NotInferred<Path>>,
  handle: Handle<NotInferred<Path>>,
) => ({ method: 'get', path, scope, handle }) as Route
export const post = <Path extends Route['path']>(
  path: Path,
  scope: ScopeOf<NotInferred<Path>>,
  handle: Handle<NotInferred<Path>>,
) => ({ method: 'post', path, scope, handle }) as Route

/** Cut to what the actor may see. */
const LOOK: Scope = { verbs: ['read'], campaigns: 'any' }
/** It concerns the browser alone. */
const NOTHING: Scope = { verbs: [], campaigns: 'any' }

/** Every page and every order. What a `get` answers changes nothing. */
export const routes: readonly Route[] = [
  get('/', LOOK, searchPage),
  get('/search', LOOK, searchPage),
  get('/contacts/{contactId}', LOOK, contactPage),
  get('/contacts/{contactId}/why', whyScope, whyPage),
  get('/contacts/{contactId}/order', (call) => orderScope(call, call.url.searchParams), orderPage),
  post('/contacts/{contactId}/order', (call) => orderScope(call, call.form), giveOrder),
  get('/contacts/{contactId}/undo', orderUndoScope, orderUndoPage),
  post('/contacts/{contactId}/undo', orderUndoScope, undoOneOrder),
  post('/contacts/{contactId}/refresh', refreshScope, refreshContact),
  post('/actions/choose', chooseScope, choosePage),
  post('/actions/preview', targetScope, previewPage),
  post('/actions', targetScope, process),
  get('/actions/{actionId}', actionLookScope, actionPage),
  get('/actions/{actionId}/results.csv', actionLookScope, resultsCsv),
  get('/actions/{actionId}/progress', actionLookScope, progressStream),
  post('/actions/{actionId}/cancel', actionOrderScope, cancelAction),
  post('/actions/{actionId}/resume', actionOrderScope, resumeAction),
  get('/actions/{actionId}/undo', undoScope, undoPage),
  post('/actions/{actionId}/undo', undoScope, undoAction),
  get('/campaigns', LOOK, campaignsPage),
  get('/campaigns/{campaignId}', campaignScope, campaignPage),
  get('/campaigns/{campaignId}/pause', pauseScope, pausePage),
  post('/campaigns/{campaignId}/pause', pauseScope, givePause),
  get('/now', LOOK, nowPage),
  get('/attention', LOOK, attentionPage),
  get('/audit', LOOK, auditPage),
  post('/audit/verify', { verbs: ['read'], campaigns: 'all' }, verifyLog),
  post('/zone', NOTHING, chooseZone),
]
