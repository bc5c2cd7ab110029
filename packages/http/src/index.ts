/** The public names of `@enfold/http`. */
import { routes } from './api.ts'
import { openApiDocument } from './openapi.ts'

// What may be done and seen is decided in one place, for the API and for whatever else serves people, as the console.
export { actionScope, type ScopedAction, visibleActions } from './action-routes.ts'
export {
  begun,
  CSV_HEADERS,
  EVENT_STREAM_HEADERS,
  type Followed,
  isOver,
  progressOf,
  streamed,
  whilePermitted,
} from './action-stream.ts'
export { type Api, type ApiOptions, createApi } from './api.ts'
export { campaignsOf, eventsVisibleTo } from './contact-routes.ts'
export { toNodeHandler } from './node-handler.ts'
export { idOfSegment, pathSegment } from './path.ts'
export {
  type Authorize,
  canSee,
  checkedPrincipal,
  denial,
  type Principal,
  type Scope,
  type Verb,
  visibleTo,
} from './permissions.ts'
export type { Problem } from './problem.ts'
export {
  idsOf,
  type OnError,
  type PathIds,
  piecesOf,
  type ServedRoute,
  type Surface,
  serve,
  tellHost,
} from './shell.ts'
export { checkedOptions, FUNCTION, type OptionRule, type SurfaceOptions, wholeNumberTo } from './surface-options.ts'
export { undoScope } from './undo-scope.ts'

/** The OpenAPI 3.1 document, as the API serves it at `/openapi.json`; `basePath` is where you mount it. */
export const openApi = (basePath = ''): object => openApiDocument(routes, basePath)
