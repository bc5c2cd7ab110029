import 'reflect-metadata'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { NestFactory } from '@nestjs/core'
import { createEngine, type Engine, type EngineOptions, orThrow } from 'enfold'
import { createSqliteStore } from 'enfold/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { ENGINE, EnfoldModule } from './enfold.module.ts'

class Application {}

/** As the module of TypeORM: the connections are open until `onApplicationShutdown`. */
class Connections {
  isOpen = true

  onApplicationShutdown(): void {
    this.isOpen = false
  }
}

async function given(handlers: EngineOptions['handlers'], connections = new Connections()) {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-nestjs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'crm.db')
  const database = { module: Connections, providers: [{ provide: 'connections', useValue: connections }] }
  const imports = [database, EnfoldModule.register({ store: createSqliteStore({ path }), handlers })]
  const app = await NestFactory.createApplicationContext({ module: Application, imports }, { logger: false })
  const engine = app.get<Engine>(ENGINE)
  orThrow(
    await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'hello', kind: 'email' }] }] }),
  )
  orThrow(await engine.startSequence({ contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: 'olga' }))
  return { app, engine, path, connections }
}

it('works while the application runs, and closes with it when what is in flight is recorded', async () => {
  const called = Promise.withResolvers<string>()
  const mail = Promise.withResolvers<{ outcome: 'sent' }>()
  const { app, engine, path } = await given({
    email({ contactId }) {
      called.resolve(contactId)
      return mail.promise
    },
  })
  expect(await called.promise).toBe('ada')

  const closed = app.close()
  mail.resolve({ outcome: 'sent' })
  await closed
  await expect(engine.runDue()).rejects.toMatchObject({ code: 'CLOSED' })

  const store = createSqliteStore({ path, readOnly: true })
  onTestFinished(() => store.close())
  const history = await createEngine({ store, handlers: {} }).inspect.history('ada')
  expect(history.map(({ type }) => type)).toEqual([
    'SequenceStarted',
    'StepDispatched',
    'StepSent',
    'SequenceCompleted',
  ])
})

it('a handler in flight finds the connections of the application open until it has answered', async () => {
  const called = Promise.withResolvers<void>()
  const mail = Promise.withResolvers<void>()
  let wasOpen: boolean | undefined
  const connections = new Connections()
  const { app } = await given(
    {
      async email() {
        called.resolve()
        await mail.promise
        wasOpen = connections.isOpen
        return { outcome: 'sent' }
      },
    },
    connections,
  )
  await called.promise
  const closed = app.close()
  // Whatever of the application closes without waiting for the worker has closed by now.
  await setImmediate()
  mail.resolve()
  await closed
  expect(wasOpen).toBe(true)
  expect(connections.isOpen).toBe(false)
})
