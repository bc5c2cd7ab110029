/**
 * Enfold in NestJS: a module that provides the engine, works while the application runs, ends with it, and serves API and
 * console at a path.
 *
 * @packageDocumentation
 */
import { createLifecycle, type Engine, type Lifecycle, type LifecycleOptions } from '@enfold/engine'
import { toNodeHandler } from '@enfold/http'
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'

/** The token of the engine. In a class: `@InjectEngine()`. */
export const ENGINE: unique symbol = Symbol('Enfold engine')

/**
 * Injects the engine.
 *
 * @example
 * constructor(@InjectEngine() private readonly engine: Engine) {}
 */
export const InjectEngine = (): ParameterDecorator => Inject(ENGINE)

export interface EnfoldModuleOptions extends LifecycleOptions {
  readonly engine: Engine
  /**
   * What to serve at which path: `{ '/enfold/api': (at) => createApi({ engine, authorize, ...at }) }`. It comes before
   * guards, pipes and parsers of bodies, and a global prefix does not apply. An application without HTTP serves nothing.
   */
  readonly mount?: { readonly [path: `/${string}`]: (at: { readonly basePath: string }) => FetchHandler }
}

/** The API, the console, or whatever makes a response of a request. */
export type FetchHandler = (request: Request) => Promise<Response>

/** As of other modules of Nest: `inject` names what the factory is given. */
export interface EnfoldModuleAsyncOptions
  extends Pick<ModuleMetadata, 'imports'>,
    Pick<FactoryProvider<EnfoldModuleOptions>, 'inject' | 'useFactory'> {}

const OPTIONS = Symbol('Enfold options')
const LIFECYCLE = Symbol('Enfold lifecycle')

/**
 * The module, for the whole application. For shutdown on signals call `app.enableShutdownHooks()`.
 *
 * @example
 * EnfoldModule.forRootAsync({
 *   imports: [MailModule],
 *   inject: [MailService],
 *   useFactory: (mail: MailService) => {
 *     const store = createPostgresStore({ connectionString: process.env.DATABASE_URL })
 *     return { store, engine: createEngine({ store, handlers: { email: (call) => mail.send(call) } }) }
 *   },
 * })
 */
// biome-ignore lint/complexity/noStaticOnlyClass: a module of NestJS is a class.
export class EnfoldModule {
  static forRoot(options: EnfoldModuleOptions): DynamicModule {
    return EnfoldModule.forRootAsync({ useFactory: () => options })
  }

  static forRootAsync({ imports = [], inject = [], useFactory }: EnfoldModuleAsyncOptions): DynamicModule {
    return {
      module: EnfoldModule,
      global: true,
      imports,
      providers: [
        { provide: OPTIONS, useFactory, inject },
        { provide: ENGINE, useFactory: ({ engine }: EnfoldModuleOptions) => engine, inject: [OPTIONS] },
        {
          provide: LIFECYCLE,
          inject: [OPTIONS, HttpAdapterHost],
          useFactory(options: EnfoldModuleOptions, { httpAdapter }: HttpAdapterHost) {
            mountOn(httpAdapter, options.mount ?? {})
            return new Hooks(createLifecycle(options))
          },
        },
      ],
      exports: [ENGINE],
    }
  }
}

/** Before the application is listening, so before its parsers of bodies: the surfaces read their own. */
function mountOn(
  // Of an application without HTTP there is none, whatever the types say.
  adapter: { use?(path: string, handler: unknown): unknown } | null | undefined,
  mount: NonNullable<EnfoldModuleOptions['mount']>,
): void {
  if (typeof adapter?.use !== 'function') return
  for (const [path, surface] of Object.entries(mount)) adapter.use(path, toNodeHandler(surface({ basePath: path })))
}

class Hooks implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #lifecycle: Lifecycle

  constructor(lifecycle: Lifecycle) {
    this.#lifecycle = lifecycle
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#lifecycle.start()
  }

  /**
   * Nothing more is begun, and handlers in flight are awaited. TypeORM and others close their connections in
   * `onApplicationShutdown`; handlers and the directory of contacts may need those.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#lifecycle.stop()
  }

  /** Now no request is left that could give an order. */
  async onApplicationShutdown(): Promise<void> {
    await this.#lifecycle.close()
  }
}
