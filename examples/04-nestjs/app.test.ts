import 'reflect-metadata'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ENGINE } from '@enfold/nestjs'
import { NestFactory } from '@nestjs/core'
import type { Engine } from 'enfold'
import { expect, it, onTestFinished } from 'vitest'
import { appOf, Mail, Signups } from './app.ts'

class MailModule {}

it('a contact that signs up by a service of Nest gets the first mail of another, and the API shows it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'enfold-nestjs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const mailed = Promise.withResolvers<string>()
  const mail: Mail = {
    async send({ contactId, step }) {
      mailed.resolve(`${step.id} for ${contactId}`)
      return { outcome: 'sent' }
    },
  }
  const provided = { module: MailModule, providers: [{ provide: Mail, useValue: mail }], exports: [Mail] }
  const authorize = () => ({ id: 'olga', may: 'read' }) as const
  const root = appOf(provided, { path: join(folder, 'crm.db'), authorize })
  const app = await NestFactory.create(root, { logger: false })
  await app.listen(0, '127.0.0.1')
  expect(await app.get(Signups).signUp('ada')).toMatchObject({ outcome: 'started' })
  expect(await mailed.promise).toBe('hello for ada')
  const seen = await fetch(`${await app.getUrl()}/enfold/api/contacts/ada`)
  expect(await seen.json()).toMatchObject({ enrollments: [{ campaignId: 'welcome', sequenceId: 'letters' }] })

  const engine = app.get<Engine>(ENGINE)
  await app.close()
  await expect(engine.runDue()).rejects.toMatchObject({ code: 'CLOSED' })
})
