/** Console and API in a server of node:http. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { handleEnfold } from './pages.ts'

const listener = getRequestListener(handleEnfold, { overrideGlobalObjects: false })

/** True: the request was for Enfold, and is taken care of. False: it is yours. */
export function takenByEnfold(request: IncomingMessage, response: ServerResponse) {
  if (!request.url?.startsWith('/enfold/')) return false
  void listener(request, response)
  return true
}
