/** Console and API in a server of node:http. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { toNodeHandler } from 'enfold/http'
import { handleEnfold } from './pages.ts'

const listener = toNodeHandler(handleEnfold)

/** True: the request was for Enfold, and is taken care of. False: it is yours. */
export function takenByEnfold(request: IncomingMessage, response: ServerResponse) {
  if (!request.url?.startsWith('/enfold/')) return false
  void listener(request, response)
  return true
}
