/** Enfold as a module of NestJS: provides the engine as `ENGINE`, works while the application runs, and closes with it. */

import type {
  BeforeApplicationShutdown,
  DynamicModule,
  OnApplicationBootstrap,
  OnApplicationShutdown,
} from '@nestjs/common'
import { createEngine, type Engine, type EngineOptions, type Store } from 'enfold'

/** `constructor(@Inject(ENGINE) private readonly engine: Engine) {}` */
export const ENGINE = Symbol('Enfold engine')

class Worker implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #stopping = new AbortController()
  readonly #engine: Engine
  readonly #store: Store
  #working: Promise<void> | undefined

  constructor(engine: Engine, store: Store) {
    this.#engine = engine
    this.#store = store
  }

  onApplicationBootstrap(): void {
    this.#working = this.#engine.run({ signal: this.#stopping.signal })
  }

  /**
   * Nothing more is begun, and handlers in flight are awaited. TypeORM and others close their connections in
   * `onApplicationShutdown`; handlers and the directory of contacts may need those.
   */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping.abort()
    await this.#working
  }

  /** Now no request is left that could give an order. */
  async onApplicationShutdown(): Promise<void> {
    await this.#engine.close()
    await this.#store.close()
  }
}

// biome-ignore lint/complexity/noStaticOnlyClass: a module of NestJS is a class.
export class EnfoldModule {
  /** The store is the module's from now on: it closes it. For shutdown on signals: `app.enableShutdownHooks()`. */
  static register(options: EngineOptions & { readonly store: Store }): DynamicModule {
    return {
      module: EnfoldModule,
      global: true,
      providers: [
        { provide: ENGINE, useFactory: () => createEngine(options) },
        { provide: Worker, useFactory: (engine: Engine) => new Worker(engine, options.store), inject: [ENGINE] },
      ],
      exports: [ENGINE],
    }
  }
}
