/**
 * A CRM on NestJS: a service enrolls who signs up, a mail service does the steps, and the API is served. Without decorators,
 * so that Node runs it as it is; with them, the README shows the same.
 */
import { ENGINE, EnfoldModule } from '@enfold/nestjs'
import type { DynamicModule } from '@nestjs/common'
import { campaign, createEngine, type Engine, orThrow, type StepCall, type StepOutcome } from 'enfold'
import { type Authorize, createApi } from 'enfold/http'
import { createSqliteStore } from 'enfold/sqlite'

const welcome = campaign({
  id: 'welcome',
  goals: [],
  sequences: [{ id: 'letters', steps: [{ id: 'hello', kind: 'email' }] }],
})

/** As any service of the host's that sends mail. */
export abstract class Mail {
  abstract send(call: StepCall): Promise<StepOutcome>
}

export class Signups {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async signUp(contactId: string) {
    const order = { contactId, campaignId: 'welcome', sequenceId: 'letters', actor: 'sign-up' }
    return orThrow(await this.#engine.startSequence(order))
  }
}

export class AppModule {}

/** @param mail the module that provides `Mail` */
export function appOf(
  mail: DynamicModule,
  { path, authorize }: { readonly path: string; readonly authorize: Authorize },
): DynamicModule {
  // #region module
  const enfold = EnfoldModule.forRootAsync({
    imports: [mail],
    inject: [Mail],
    useFactory(mail: Mail) {
      const store = createSqliteStore({ path })
      const engine = createEngine({ store, handlers: { email: (call) => mail.send(call) } })
      return {
        engine,
        store,
        publish: [welcome],
        mount: { '/enfold/api': (at) => createApi({ engine, authorize, ...at }) },
      }
    },
  })
  // #endregion module
  const signups = { provide: Signups, useFactory: (engine: Engine) => new Signups(engine), inject: [ENGINE] }
  return { module: AppModule, imports: [enfold], providers: [signups], exports: [Signups] }
}
