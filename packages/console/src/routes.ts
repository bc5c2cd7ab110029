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
import { previewPage, process } from './preview-page.ts'
import { searchPage } from './search-page.ts'
import { whyPage, whyScope } from './why-page.ts'
import { chooseZone } from './zone.ts'

export interface Route {
  readonly method: 'get' | 'post'
  readonly path: `/${string}`
  /** What the request is about to do. Asked before anything is done. */
  readonly scope: Scope | ((call: Call) => Scope | Promise<Scope>)
  handle(call: Call): Promise<Page | Response>
}

/** Cut to what the actor may see. */
const LOOK: Scope = { verbs: ['read'], campaigns: 'any' }
/** It concerns the browser alone. */
const NOTHING: Scope = { verbs: [], campaigns: 'any' }

/** Every page and every order. What a `get` answers changes nothing. */
export const routes: readonly Route[] = [
  { method: 'get', path: '/', scope: LOOK, handle: searchPage },
  { method: 'get', path: '/search', scope: LOOK, handle: searchPage },
  { method: 'get', path: '/contacts/{contactId}', scope: LOOK, handle: contactPage },
  { method: 'get', path: '/contacts/{contactId}/why', scope: whyScope, handle: whyPage },
  {
    method: 'get',
    path: '/contacts/{contactId}/order',
    scope: (call) => orderScope(call, call.url.searchParams),
    handle: orderPage,
  },
  {
    method: 'post',
    path: '/contacts/{contactId}/order',
    scope: (call) => orderScope(call, call.form),
    handle: giveOrder,
  },
  { method: 'post', path: '/contacts/{contactId}/refresh', scope: refreshScope, handle: refreshContact },
  { method: 'post', path: '/actions/choose', scope: chooseScope, handle: choosePage },
  { method: 'post', path: '/actions/preview', scope: targetScope, handle: previewPage },
  { method: 'post', path: '/actions', scope: targetScope, handle: process },
  { method: 'get', path: '/actions/{actionId}', scope: actionLookScope, handle: actionPage },
  { method: 'get', path: '/actions/{actionId}/results.csv', scope: actionLookScope, handle: resultsCsv },
  { method: 'get', path: '/actions/{actionId}/progress', scope: actionLookScope, handle: progressStream },
  { method: 'post', path: '/actions/{actionId}/cancel', scope: actionOrderScope, handle: cancelAction },
  { method: 'post', path: '/actions/{actionId}/resume', scope: actionOrderScope, handle: resumeAction },
  { method: 'get', path: '/campaigns', scope: LOOK, handle: campaignsPage },
  { method: 'get', path: '/campaigns/{campaignId}', scope: campaignScope, handle: campaignPage },
  { method: 'get', path: '/now', scope: LOOK, handle: nowPage },
  { method: 'get', path: '/attention', scope: LOOK, handle: attentionPage },
  { method: 'get', path: '/audit', scope: LOOK, handle: auditPage },
  { method: 'post', path: '/audit/verify', scope: { verbs: ['read'], campaigns: 'all' }, handle: verifyLog },
  { method: 'post', path: '/zone', scope: NOTHING, handle: chooseZone },
]
