import 'reflect-metadata'
import { setImmediate } from 'node:timers/promises'
import type { StepHandler } from '@enfold/core'
import { createEngine, type Engine, orThrow } from '@enfold/engine'
import { createApi } from '@enfold/http'
import { createMemoryStore } from '@enfold/store-memory'
import type { INestApplication, Type } from '@nestjs/common'
import { Controller, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { expect, it, onTestFinished } from 'vitest'
import { ENGINE, EnfoldModule, InjectEngine } from './index.ts'

const welcome = { id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'hello', kind: 'email' }] }] }
const order = { contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: 'olga' }

/** As the module of TypeORM: the connections are open until `onApplicationShutdown`. */
class Connections {
  isOpen = true

  onApplicationShutdown(): void {
    this.isOpen = false
  }
}

class Customers {
  readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  async create() {
    return orThrow(await this.engine.startSequence(order))
  }
}
// By hand, what `@Controller('customers')` and its like do: no decorator stands in code that Node runs as it is.
Controller('customers')(Customers)
InjectEngine()(Customers, undefined, 0)
Post()(
  Customers.prototype,
  'create',
  Object.getOwnPropertyDescriptor(Customers.prototype, 'create') as PropertyDescriptor,
)

/** A root module whose directory of handlers is injected, as a host's mail service would be. */
function applicationOf(email: StepHandler, connections = new Connections(), store = createMemoryStore()): Type {
  class Application {}
  Module({
    imports: [
      {
        module: Connections,
        global: true,
        providers: [{ provide: 'connections', useValue: connections }],
        exports: ['connections'],
      },
      EnfoldModule.forRootAsync({
        inject: ['connections'],
        useFactory(found: Connections) {
          expect(found).toBe(connections)
          const engine = createEngine({ store, handlers: { email } })
          const authorize = () => ({ id: 'olga', may: 'write' }) as const
          return {
            engine,
            store,
            publish: [welcome],
            mount: { '/enfold/api': (at) => createApi({ engine, authorize, ...at }) },
          }
        },
      }),
    ],
    controllers: [Customers],
  })(Application)
  return Application
}

it('the module provides the engine, works while the application runs, and closes with it when what is in flight is recorded', async () => {
  const called = Promise.withResolvers<void>()
  const mail = Promise.withResolvers<void>()
  const connections = new Connections()
  const kept = createMemoryStore()
  let isStoreOpen = true
  const store = {
    ...kept,
    async close() {
      isStoreOpen = false
    },
  }
  let wasOpen: boolean | undefined
  const email: StepHandler = async () => {
    called.resolve()
    await mail.promise
    wasOpen = connections.isOpen
    return { outcome: 'sent' }
  }
  const app = await NestFactory.createApplicationContext(applicationOf(email, connections, store), { logger: false })
  const engine = app.get<Engine>(ENGINE)
  orThrow(await engine.startSequence(order))
  await called.promise
  const closed = app.close()
  // Whatever of the application closes without waiting for the worker has closed by now.
  await setImmediate()
  mail.resolve()
  await closed
  expect({ wasOpen, isOpen: connections.isOpen }).toEqual({ wasOpen: true, isOpen: false })
  expect(isStoreOpen).toBe(false)
  expect((await createEngine({ store: kept, handlers: {} }).inspect.history('ada')).map(({ type }) => type)).toContain(
    'StepSent',
  )
  await expect(engine.runDue()).rejects.toMatchObject({ code: 'CLOSED' })
})

const ADAPTERS = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() }

it.each(Object.entries(ADAPTERS))(
  'on %s the engine is injected, and the API is served outside of a global prefix, before the parsers of bodies',
  async (_, adapter) => {
    const app: INestApplication = await NestFactory.create(
      applicationOf(() => ({ outcome: 'sent' })),
      adapter(),
      {
        logger: false,
      },
    )
    onTestFinished(() => app.close())
    app.setGlobalPrefix('v1')
    await app.listen(0, '127.0.0.1')
    const origin = await app.getUrl()
    const post = (path: string, type: string, body: string) =>
      fetch(`${origin}${path}`, { method: 'POST', headers: { 'content-type': type }, body })
    const created = await post('/v1/customers', 'application/json', '{}')
    expect(await created.json()).toMatchObject({ outcome: 'started' })
    // More than the parser of Nest takes.
    const large = `{${' '.repeat(150_000)}"reason":"phone"}`
    const started = await post('/enfold/api/contacts/bob/sequences/c/s/start', 'application/json', large)
    expect(await started.json()).toMatchObject({ outcome: 'started' })
    const csv = Array.from({ length: 500 }, (_, i) => `contact-${i}\n`).join('')
    const action = '/enfold/api/actions/csv?action=start&campaignId=c&sequenceId=s&actionId=many'
    expect((await post(action, 'text/csv', csv)).status).toBe(202)
    expect((await fetch(`${origin}/v1/nowhere`)).status).toBe(404)
  },
)

it('forRoot takes an engine that the host has made, and a campaign that is refused keeps the application from starting', async () => {
  const store = createMemoryStore()
  const engine = createEngine({ store, handlers: {} })
  const imports = [EnfoldModule.forRoot({ engine, store, publish: [{ ...welcome, id: '' }], work: false })]
  class Application {}
  await expect(
    NestFactory.createApplicationContext({ module: Application, imports }, { logger: false, abortOnError: false }),
  ).rejects.toThrow()
})
