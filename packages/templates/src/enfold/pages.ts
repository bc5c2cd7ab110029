/** The console under /enfold/console and the API under /enfold/api, as one function from a request to its response. */
import { createConsole } from 'enfold/console'
import { createApi } from 'enfold/http'
import { engine } from './engine.ts'

const pages = createConsole({ engine, basePath: '/enfold/console', authorize })
const api = createApi({ engine, basePath: '/enfold/api', authorize })

export async function handleEnfold(request: Request) {
  return new URL(request.url).pathname.startsWith('/enfold/api') ? api(request) : pages(request)
}

/**
 * Who sends a request, and what they may do. It is asked each time; `null` is nobody. Look at your own session here:
 *
 *     const user = await sessionOf(request)
 *     return user?.isStaff ? { id: user.id, may: 'write' } : null
 */
function authorize(_request: Request) {
  // For your own machine. On a server anybody could do anything, so leave it out there.
  if (process.env.ENFOLD_OPEN === 'to-everybody') return { id: 'developer', may: 'write' as const }
  return null
}
