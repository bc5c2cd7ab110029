/**
 * Enfold in Fastify: `fastify.enfold` is the engine, a worker that begins and ends with the server, and API and console
 * at a path.
 *
 * @packageDocumentation
 */
import { createLifecycle, type Engine, type LifecycleOptions } from '@enfold/engine'
import { toNodeHandler } from '@enfold/http'
import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    readonly enfold: Engine
  }
}

export interface EnfoldFastifyOptions extends LifecycleOptions {
  readonly engine: Engine
  /** What to serve at which path: `{ '/enfold/api': (at) => createApi({ engine, authorize, ...at }) }`. */
  readonly mount?: { readonly [path: `/${string}`]: (at: { readonly basePath: string }) => FetchHandler }
}

/** The API, the console, or whatever makes a response of a request. */
export type FetchHandler = (request: Request) => Promise<Response>

/**
 * The plugin. The engine works from `onReady` to `onClose`; what was registered before it, as a pool, is closed after it.
 *
 * @throws EnfoldFault from `app.ready()` and `app.listen()`: what publishing throws
 * @example
 * app.register(enfold, { engine, store, mount: { '/enfold/api': (at) => createApi({ engine, authorize, ...at }) } })
 */
export async function enfold(app: FastifyInstance, options: EnfoldFastifyOptions): Promise<void> {
  const lifecycle = createLifecycle(options)
  app.decorate('enfold', options.engine)
  for (const [path, surface] of Object.entries(options.mount ?? {}))
    await app.register(mounted(surface({ basePath: path })), { prefix: path })
  app.addHook('onReady', () => lifecycle.start())
  app.addHook('onClose', () => lifecycle.close())
}

// For the whole application and not for a scope of its own, as `fastify-plugin` does it.
Object.assign(enfold, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('plugin-meta')]: { name: '@enfold/fastify', fastify: '>=5' },
})

function mounted(handle: FetchHandler) {
  const handler = toNodeHandler(handle)
  return async (scope: FastifyInstance) => {
    // Bodies are left unread: the surface reads its own, some of them piece by piece.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const path of ['/', '/*'])
      scope.all(path, (request, reply) => {
        reply.hijack()
        return handler(request.raw, reply.raw)
      })
  }
}
