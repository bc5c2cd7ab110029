/** Console and API in Hono. */
import type { Hono } from 'hono'
import { handleEnfold } from './pages.ts'

export function mountEnfold(app: Hono) {
  app.all('/enfold/*', (context) => handleEnfold(context.req.raw))
}
