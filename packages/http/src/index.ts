/** The public names of `@enfold/http`. */
import { routes } from './api.ts'
import { openApiDocument } from './openapi.ts'

export { type Api, type ApiOptions, createApi } from './api.ts'
export { pathSegment } from './input.ts'
export type { Actor, Authorize, Scope, Verb } from './permissions.ts'
export type { Problem } from './problem.ts'

/** The OpenAPI 3.1 document, as the API serves it at `/openapi.json`; `basePath` is where you mount it. */
export const openApi = (basePath = ''): object => openApiDocument(routes, basePath)
