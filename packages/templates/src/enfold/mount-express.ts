/** Console and API in Express. */
import { getRequestListener } from '@hono/node-server'
import type { Express } from 'express'
import { handleEnfold } from './pages.ts'

const listener = getRequestListener(handleEnfold, { overrideGlobalObjects: false })

/** Before any parser of bodies: the pages read their own. */
export function mountEnfold(app: Express) {
  app.use((request, response, next) => {
    if (request.url.startsWith('/enfold/')) void listener(request, response)
    else next()
  })
}
