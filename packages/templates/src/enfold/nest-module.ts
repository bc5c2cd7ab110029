/** Enfold in NestJS: a worker while the application runs, the console and the API. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type {
  BeforeApplicationShutdown,
  DynamicModule,
  INestApplication,
  OnApplicationBootstrap,
  OnApplicationShutdown,
} from '@nestjs/common'
import { engine, publishCampaigns, store } from './engine.ts'
import { handleEnfold } from './pages.ts'

const listener = getRequestListener(handleEnfold, { overrideGlobalObjects: false })

/** Before `app.listen`: so they stand before the parsers of bodies. */
export function mountEnfold(app: INestApplication) {
  app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
    if (request.url?.startsWith('/enfold/')) void listener(request, response)
    else next()
  })
}

class Worker implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #ending = new AbortController()
  #working: Promise<void> | undefined

  async onApplicationBootstrap() {
    await publishCampaigns()
    this.#working = engine.run({ signal: this.#ending.signal })
  }

  /** Handlers in flight may need connections that others close after this. */
  async beforeApplicationShutdown() {
    this.#ending.abort()
    await this.#working
  }

  async onApplicationShutdown() {
    await engine.close()
    await store.close()
  }
}

/** For SIGTERM to end it: `app.enableShutdownHooks()`. */
export const enfoldModule: DynamicModule = { module: Worker, providers: [] }
