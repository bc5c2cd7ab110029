/** Console and API in Express. */
import { toNodeHandler } from 'enfold/http'
import type { Express } from 'express'
import { handleEnfold } from './pages.ts'

export function mountEnfold(app: Express) {
  app.use('/enfold', toNodeHandler(handleEnfold))
}
