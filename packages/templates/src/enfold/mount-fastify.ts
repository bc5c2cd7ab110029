/** Console and API in Fastify, as a plugin: what it does to parsers of bodies concerns its own routes only. */
import { getRequestListener } from '@hono/node-server'
import type { FastifyInstance } from 'fastify'
import { handleEnfold } from './pages.ts'

const listener = getRequestListener(handleEnfold, { overrideGlobalObjects: false })

export async function mountEnfold(app: FastifyInstance) {
  // The pages read the bodies themselves.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.all('/enfold/*', (request, reply) => {
    reply.hijack()
    void listener(request.raw, reply.raw)
  })
}
