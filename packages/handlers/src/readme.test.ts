import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { StepHandler } from '@enfold/core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { givenCall } from './call.fixture.ts'
import type { SmtpMail } from './smtp-mail.ts'
import { givenSmtpServer } from './smtp-server.fixture.ts'

/** The examples of the README, each as a module that runs from source. */
async function examples(): Promise<readonly string[]> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const folder = await mkdtemp(join(tmpdir(), 'enfold-readme-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const source = new URL('./index.ts', import.meta.url).href
  const blocks = [...readme.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1] as string)
  return Promise.all(
    blocks.map(async (block, index) => {
      const file = join(folder, `example-${index}.mjs`)
      await writeFile(file, block.replace('enfold/handlers', source))
      return pathToFileURL(file).href
    }),
  )
}

it('STEP-4: the examples of the README run', async () => {
  const [mail = '', hook = '', receiving = ''] = await examples()
  onTestFinished(() => void vi.unstubAllEnvs())

  const smtp = await givenSmtpServer()
  vi.stubEnv('SMTP_HOST', '127.0.0.1').stubEnv('SMTP_PORT', `${smtp.port}`)
  const { email } = (await import(mail)) as { email: SmtpMail }
  onTestFinished(() => email.close())
  expect(await email(givenCall())).toEqual({ outcome: 'sent', receipt: 'smtp-250 accepted 1' })
  expect(await email(givenCall({ contactId: 'bob' }))).toEqual({ outcome: 'skipped', reason: 'no-address' })
  expect(smtp.mails[0]?.headers.get('list-unsubscribe')).toEqual(['<https://shop.example/leave/ann>'])

  vi.stubEnv('WEBHOOK_SECRET', `whsec_${Buffer.alloc(32, 1).toString('base64')}`)
  const { receiver } = (await import(receiving)) as { receiver: Server }
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  onTestFinished(() => void receiver.close())
  vi.stubEnv('WEBHOOK_URL', `http://localhost:${(receiver.address() as AddressInfo).port}/`)
  const { webhook } = (await import(hook)) as { webhook: StepHandler }
  expect(await webhook(givenCall())).toEqual({ outcome: 'sent', receipt: 'http-204' })
  vi.stubEnv('WEBHOOK_SECRET', `whsec_${Buffer.alloc(32, 2).toString('base64')}`)
  expect(await webhook(givenCall())).toEqual({ outcome: 'failed', permanent: true, reason: 'http-401' })
})
