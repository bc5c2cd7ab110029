/** Enfold in Fastify: `app.enfold` is the engine, a worker begins and ends with the server, console and API are in it. */
import { enfold } from '@enfold/fastify'
import type { FastifyInstance } from 'fastify'
import { engine, store } from './engine.ts'
import { handleEnfold } from './pages.ts'
import { welcome } from './welcome.ts'

export function mountEnfold(app: FastifyInstance) {
  app.register(enfold, { engine, store, publish: [welcome], mount: { '/enfold': () => handleEnfold } })
}
