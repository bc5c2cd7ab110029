/** The public names of `@enfold/http`. */
import { routes } from './api.ts'
import { openApiDocument } from './openapi.ts'

// What may be done and seen is decided in one place, for the API and for whatever else serves people, as the console.
export { actionScope, visibleActions, whilePermitted } from './action-routes.ts'
export { type Api, type ApiOptions, createApi } from './api.ts'
export { campaignsOf, seenBy } from './contact-routes.ts'
export { idOfSegment, pathSegment } from './input.ts'
export { type Actor, type Authorize, checkedActor, denial, type Scope, sees, type Verb } from './permissions.ts'
export type { Problem } from './problem.ts'

/** The OpenAPI 3.1 document, as the API serves it at `/openapi.json`; `basePath` is where you mount it. */
export const openApi = (basePath = ''): object => openApiDocument(routes, basePath)
