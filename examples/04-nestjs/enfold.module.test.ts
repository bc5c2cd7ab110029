import 'reflect-metadata'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine, type Engine } from '@enfold/engine'
import { createSqliteStore } from '@enfold/store-sqlite'
import { NestFactory } from '@nestjs/core'
import { expect, it, onTestFinished } from 'vitest'
import { ENGINE, EnfoldModule } from './enfold.module.ts'

class Application {}

it('works while the application runs, and closes with it when what is in flight is recorded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-nestjs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'crm.db')
  const called = Promise.withResolvers<string>()
  const mail = Promise.withResolvers<{ outcome: 'sent' }>()
  const email = ({ contactId }: { readonly contactId: string }) => {
    called.resolve(contactId)
    return mail.promise
  }
  const imports = [EnfoldModule.register({ store: createSqliteStore({ path }), handlers: { email } })]
  const app = await NestFactory.createApplicationContext({ module: Application, imports }, { logger: false })
  const engine = app.get<Engine>(ENGINE)
  await engine.publish({ id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'hello', kind: 'email' }] }] })
  await engine.startSequence({ contactId: 'ada', campaignId: 'c', sequenceId: 's', actor: 'olga' })
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
